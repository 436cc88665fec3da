import Foundation
import HalterBackend
import HalterTensor
import Testing

@Suite struct CrossEntropyGradientTests {
  struct Sizes: Sendable, CustomTestStringConvertible {
    let tokens: Int
    let columns: Int
    let vocabulary: Int
    let rows: [Int32]
    var testDescription: String { "[\(tokens), \(columns)], \(vocabulary), \(rows.count) rows" }
  }

  static let sizes = [
    Sizes(tokens: 1, columns: 1, vocabulary: 1, rows: [0]),
    Sizes(tokens: 4, columns: 3, vocabulary: 5, rows: []),
    Sizes(tokens: 5, columns: 3, vocabulary: 7, rows: [1, 2, 4]),
    Sizes(tokens: 3, columns: 17, vocabulary: 33, rows: [0, 1, 2]),
    // More rows than are in memory at a time.
    Sizes(tokens: 131, columns: 1, vocabulary: 3, rows: (0..<131).map { Int32($0) }),
  ]

  private func targets(_ sizes: Sizes) -> LossTargets {
    LossTargets(
      rows: sizes.rows,
      labels: sizes.rows.map { ($0 * 5 + 2) % Int32(sizes.vocabulary) },
      weights: sizes.rows.map { [1, 0.5, 0, 2][Int($0) % 4] })
  }

  private func logprob(
    _ hidden: [Double], _ head: [Double], _ row: Int, _ label: Int, _ sizes: Sizes
  ) -> Double {
    let d = sizes.columns
    let logits = (0..<sizes.vocabulary).map { token in
      (0..<d).reduce(0.0) { $0 + hidden[row * d + $1] * head[token * d + $1] }
    }
    return logits[label] - log(logits.reduce(0) { $0 + exp($1) })
  }

  private func loss(
    _ hidden: [Double], _ head: [Double], _ sizes: Sizes, scale: Double
  ) -> Double {
    let targets = targets(sizes)
    return (0..<targets.count).reduce(0.0) {
      $0 - scale * Double(targets.weights[$1])
        * logprob(hidden, head, Int(targets.rows[$1]), Int(targets.labels[$1]), sizes)
    }
  }

  @Test(arguments: sizes, [[], [0], [1]] as [Set<Int>])
  func trainableHead(sizes: Sizes, frozen: Set<Int>) {
    GradientCheck(
      shapes: [[sizes.tokens, sizes.columns], [sizes.vocabulary, sizes.columns]], frozen: frozen
    ).run({
      linearCrossEntropy($0[0], head: .trainable($0[1]), targets: targets(sizes), scale: 0.25).loss
    }) { x in
      [loss(x[0], x[1], sizes, scale: 0.25)]
    }
  }

  @Test(arguments: sizes) func frozenHead(sizes: Sizes) {
    let backend = CPUBackend(threads: 1)
    let values = noise(sizes.vocabulary * sizes.columns, 41)
    let buffer = backend.allocate(byteCount: values.count * 4)
    buffer.write(values)
    let head = StoredMatrix(
      dense: buffer, rows: sizes.vocabulary, columns: sizes.columns, backend: backend)
    GradientCheck(shapes: [[sizes.tokens, sizes.columns]]).run({
      linearCrossEntropy($0[0], head: .frozen(head), targets: targets(sizes), scale: 2).loss
    }) { x in
      [loss(x[0], values.map { Double($0) }, sizes, scale: 2)]
    }
  }

  @Test func logprobsAreThoseOfTheTargets() {
    let sizes = Self.sizes[2]
    let backend = CPUBackend(threads: 1)
    let (hidden, head) = (noise(15, 42), noise(21, 43))
    let result = linearCrossEntropy(
      Tensor(hidden, shape: [5, 3], on: backend),
      head: .trainable(Tensor(head, shape: [7, 3], on: backend)), targets: targets(sizes), scale: 1)
    let targets = targets(sizes)
    #expect(result.logprobs.count == 3)
    for (index, value) in result.logprobs.enumerated() {
      let expected = logprob(
        hidden.map { Double($0) }, head.map { Double($0) }, Int(targets.rows[index]),
        Int(targets.labels[index]), sizes)
      #expect(abs(Double(value) - expected) < 1e-5)
    }
  }

  @Test func logprobsDoNotDependOnWhetherGradientsAreRecorded() {
    let sizes = Self.sizes[3]
    let backend = CPUBackend(threads: 1)
    let hidden = Tensor(noise(51, 44), shape: [3, 17], on: backend).requiringGradient()
    let head = OutputHead.trainable(Tensor(noise(33 * 17, 45), shape: [33, 17], on: backend))
    let recorded = linearCrossEntropy(hidden, head: head, targets: targets(sizes), scale: 1)
    let plain = withoutGradients {
      linearCrossEntropy(hidden, head: head, targets: targets(sizes), scale: 1)
    }
    #expect(recorded.logprobs == plain.logprobs && recorded.loss.scalar == plain.loss.scalar)
    #expect(recorded.loss.requiresGradient && !plain.loss.requiresGradient)
  }

  @Test func aHeadThatIsAlsoTheEmbeddingSumsBothGradients() {
    let backend = CPUBackend(threads: 1)
    let ids = Tensor([Int32(2), 0, 2], shape: [3], on: backend)
    let targets = LossTargets(rows: [0, 1], labels: [0, 2], weights: [1, 0.5])
    GradientCheck(shapes: [[4, 5]]).run({
      linearCrossEntropy(
        $0[0].gatherRows(ids), head: .trainable($0[0]), targets: targets, scale: 1
      ).loss
    }) { x in
      let table = x[0]
      let hidden = [2, 0, 2].flatMap { table[$0 * 5..<$0 * 5 + 5] }
      let sizes = Sizes(tokens: 3, columns: 5, vocabulary: 4, rows: [])
      return [
        -logprob(hidden, table, 0, 0, sizes) - 0.5 * logprob(hidden, table, 1, 2, sizes)
      ]
    }
  }
}
