import HalterBackend

/// The output projection of a language model, `[vocabulary, D]`.
public enum OutputHead {
  /// A frozen matrix of any format.
  case frozen(any FrozenMatrix)
  /// A trainable weight (possibly the tied embedding).
  case trainable(Tensor)

  var vocabulary: Int {
    switch self {
    case .frozen(let matrix): matrix.rows
    case .trainable(let weight): weight.shape[0]
    }
  }
}

/// Which positions carry loss, and what they should predict.
public struct LossTargets: Sendable, Equatable {
  /// Indices of hidden rows, ascending.
  public var rows: [Int32]
  /// The token each of them should predict.
  public var labels: [Int32]
  /// The weight of each one's loss.
  public var weights: [Float]

  /// Targets; the three lists are of one length.
  public init(rows: [Int32], labels: [Int32], weights: [Float]) {
    precondition(rows.count == labels.count && rows.count == weights.count)
    self.rows = rows
    self.labels = labels
    self.weights = weights
  }

  /// The number of positions that carry loss.
  public var count: Int { rows.count }
}

/// Rows of logits that are in memory at a time.
private let chunkRows = 128

/// The linear head and the cross-entropy loss as one operation: scale · Σ weight · -log p(label).
///
/// Only the positions that carry loss are projected, `chunkRows` at a time, and the gradient of
/// the hidden states is made in the same pass: there is never a T×V matrix.
/// - Parameters:
///   - hidden: final hidden states `[T, D]`.
///   - scale: usually 1 / (sum of the weights of the whole optimiser step).
/// - Returns: the loss, a scalar, and the log-probability of each target.
public func linearCrossEntropy(
  _ hidden: Tensor, head: OutputHead, targets: LossTargets, scale: Float
) -> (loss: Tensor, logprobs: [Float]) {
  let backend = hidden.backend
  let (count, columns, vocabulary) = (targets.count, hidden.shape.columns, head.vocabulary)
  let rows = Tensor(targets.rows, shape: [count], on: backend)
  let labels = Tensor(targets.labels, shape: [count], on: backend)
  let weights = Tensor(targets.weights.map { $0 * scale }, shape: [count], on: backend)
  let selected = hidden.detached.gatherRows(rows)
  var headWeight: Tensor?
  if case .trainable(let weight) = head, weight.requiresGradient { headWeight = weight }
  let differentiates = gradientsAreRecorded && (hidden.requiresGradient || headWeight != nil)
  let dSelected = differentiates ? Tensor(uninitialized: selected.shape, on: backend) : nil
  let dWeight =
    differentiates ? headWeight.map { Tensor(zeros: $0.shape, on: backend) } : nil
  let logprobs = Tensor(uninitialized: [count], on: backend)
  let logits = backend.allocate(byteCount: max(1, min(count, chunkRows) * vocabulary * 4))

  for start in stride(from: 0, to: count, by: chunkRows) {
    let size = min(chunkRows, count - start)
    let input = selected.storage.rows(start, size, columns)
    head.product(input, count: size, into: logits)
    backend.crossEntropy(
      logits: logits, labels: labels.storage.rows(start, size, 1),
      weights: differentiates ? weights.storage.rows(start, size, 1) : nil,
      logprobs: logprobs.storage.rows(start, size, 1), rows: size, vocabulary: vocabulary)
    if let dSelected {
      head.transposedProduct(
        logits, count: size, into: dSelected.storage.rows(start, size, columns))
    }
    if let dWeight {
      backend.matmul(
        Elements(logits), transposed: true, Elements(input), transposed: false,
        into: dWeight.elements, m: vocabulary, n: columns, k: size, alpha: 1, accumulate: true,
        compute: backend.compute)
    }
  }

  let values = logprobs.floats
  let sum = zip(values, targets.weights).reduce(0.0) { $0 - Double($1.0) * Double($1.1) }
  let loss = Tensor([Float(sum * Double(scale))], shape: [], on: backend)
  let shape = hidden.shape
  let recorded = loss.recorded(from: [hidden] + (headWeight.map { [$0] } ?? [])) { upstream in
    let factor = upstream.scalar
    let dHidden = dSelected.map { selected in
      let table = Tensor(zeros: shape, on: backend)
      let scaled = factor == 1 ? selected : selected.scaled(by: factor)
      backend.scatterAddRows(
        scaled.storage, ids: rows.storage, to: table.storage, count: count, columns: columns)
      return table
    }
    return [dHidden] + (dWeight.map { [factor == 1 ? $0 : $0.scaled(by: factor)] } ?? [])
  }
  return (recorded, values)
}

extension OutputHead {
  /// logits[count, vocabulary] = x · Wᵀ.
  public func product(_ x: Buffer, count: Int, into logits: Buffer) {
    switch self {
    case .frozen(let matrix):
      matrix.product(Elements(x), count: count, into: Elements(logits), accumulate: false)
    case .trainable(let weight):
      weight.backend.matmul(
        Elements(x), transposed: false, weight.elements, transposed: true, into: Elements(logits),
        m: count, n: weight.shape[0], k: weight.shape[1], alpha: 1, accumulate: false,
        compute: weight.backend.compute)
    }
  }

  func transposedProduct(_ dLogits: Buffer, count: Int, into dx: Buffer) {
    switch self {
    case .frozen(let matrix):
      matrix.transposedProduct(
        Elements(dLogits), count: count, into: Elements(dx), accumulate: false)
    case .trainable(let weight):
      weight.backend.matmul(
        Elements(dLogits), transposed: false, weight.elements, transposed: false,
        into: Elements(dx), m: count, n: weight.shape[1], k: weight.shape[0], alpha: 1,
        accumulate: false, compute: weight.backend.compute)
    }
  }
}

extension Buffer {
  /// A run of rows of 4-byte elements.
  func rows(_ start: Int, _ count: Int, _ columns: Int) -> Buffer {
    slice(byteOffset: start * columns * 4, byteCount: count * columns * 4)
  }
}
