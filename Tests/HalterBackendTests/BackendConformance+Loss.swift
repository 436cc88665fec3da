import Foundation
import HalterBackend

extension BackendConformance {
  /// A call of `linearCrossEntropy`.
  private struct Loss {
    let rows: Int
    let head: StoredNumbers
    let differentiates: Bool
  }

  /// Nothing and one; odd extents, two blocks of the contraction, more rows than a task, more than
  /// a chunk, a vocabulary of several slabs; blocks of storage formats that rows end in.
  static var linearCrossEntropyCases: [Case] {
    let sizes: [(rows: Int, ElementFormat, vocabulary: Int, columns: Int)] = [
      (0, .f32, 5, 3), (1, .f32, 1, 1), (3, .f32, 129, 33), (50, .f32, 300, 40),
      (2, .bf16, 77, 801), (1020, .f32, 3, 2), (1, .f32, 17_000, 2), (5, .q8_0, 70, 96),
      (4, .nf4, 130, 65), (15, .q4_k, 40, 256),
    ]
    return sizes.flatMap { rows, format, vocabulary, columns in
      [true, false].map {
        linearCrossEntropy(
          Loss(
            rows: rows, head: StoredNumbers(format, rows: vocabulary, columns: columns),
            differentiates: $0))
      }
    }
  }

  private static func linearCrossEntropy(_ loss: Loss) -> Case {
    let (vocabulary, columns) = (loss.head.rows, loss.head.columns)
    let hidden = noise(loss.rows * columns, 81, 1)
    let labels = (0..<loss.rows).map { Int32(($0 * 13 + vocabulary - 1) % vocabulary) }
    let weights = (0..<loss.rows).map { [Float(1), 0, 0.25][$0 % 3] }
    let values = loss.head.values
    let largest = values.reduce(1.0) { max($0, abs($1)) }
    let shape = "\(loss.head.format) [\(vocabulary), \(columns)]"
    return Case(
      name: "\(loss.rows) rows, \(shape)\(loss.differentiates ? "" : ", no gradient")",
      absolute: (2e-6 + 2e-7 * Double(columns)) * largest * largest, relative: 2e-6
    ) { backend in
      let logprobs = Guarded(loss.rows, on: backend)
      let dHidden = Guarded(loss.differentiates ? hidden.count : 0, on: backend)
      backend.linearCrossEntropy(
        filled(hidden, on: backend), count: loss.rows, head: loss.head.weights(on: backend),
        labels: filled(labels, on: backend),
        weights: loss.differentiates ? filled(weights, on: backend) : nil,
        logprobs: logprobs.buffer, dHidden: loss.differentiates ? dHidden.buffer : nil)
      return [logprobs.values, dHidden.values]
    } expected: {
      var (logprobs, gradient) = ([Double](), [Double]())
      for row in 0..<loss.rows {
        let x = doubles(Array(hidden[row * columns..<(row + 1) * columns]))
        let logits = (0..<vocabulary).map { token in
          x.indices.reduce(0.0) { $0 + x[$1] * values[token * columns + $1] }
        }
        let peak = logits.max() ?? 0
        let lse = peak + log(logits.reduce(0.0) { $0 + exp($1 - peak) })
        logprobs.append(logits[Int(labels[row])] - lse)
        guard loss.differentiates else { continue }
        var sums = [Double](repeating: 0, count: columns)
        for token in 0..<vocabulary {
          let p = exp(logits[token] - lse) - (token == Int(labels[row]) ? 1 : 0)
          for k in 0..<columns {
            sums[k] += Double(weights[row]) * p * values[token * columns + k]
          }
        }
        gradient += sums
      }
      return [logprobs, gradient]
    }
  }
}
