import HalterBackend

/// The output projection of a language model, `[vocabulary, D]`.
public enum OutputHead {
  /// A frozen matrix of any format.
  case frozen(any FrozenMatrix)
  /// A trainable weight (possibly the tied embedding).
  case trainable(Tensor)
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

/// Rows of logits of a trainable head that are in memory at a time.
private let chunkRows = 128

/// The linear head and the cross-entropy loss as one operation: scale · Σ weight · -log p(label).
///
/// Only the positions that carry loss are projected, a chunk at a time, and the gradient of the
/// hidden states is made in the same pass: there is never a T×V matrix.
/// - Parameters:
///   - hidden: final hidden states `[T, D]`.
///   - scale: usually 1 / (sum of the weights of the whole optimiser step).
/// - Returns: the loss, a scalar, and the log-probability of each target.
public func linearCrossEntropy(
  _ hidden: Tensor, head: OutputHead, targets: LossTargets, scale: Float
) -> (loss: Tensor, logprobs: [Float]) {
  let backend = hidden.backend
  let (count, columns) = (targets.count, hidden.shape.columns)
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
  switch head {
  case .frozen(let matrix):
    backend.linearCrossEntropy(
      selected.storage, count: count, head: matrix.weights, labels: labels.storage,
      weights: differentiates ? weights.storage : nil, logprobs: logprobs.storage,
      dHidden: dSelected?.storage)
  case .trainable(let weight):
    crossEntropyInChunks(
      selected, head: weight, labels: labels, weights: differentiates ? weights : nil,
      logprobs: logprobs, dSelected: dSelected, dWeight: dWeight)
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

/// The same with a head that gets a gradient of its own: products of `chunkRows` rows.
private func crossEntropyInChunks(
  _ selected: Tensor, head: Tensor, labels: Tensor, weights: Tensor?, logprobs: Tensor,
  dSelected: Tensor?, dWeight: Tensor?
) {
  let backend = selected.backend
  let (count, columns, vocabulary) = (selected.shape.rows, selected.shape.columns, head.shape[0])
  let logits = backend.allocate(byteCount: max(1, min(count, chunkRows) * vocabulary * 4))
  for start in stride(from: 0, to: count, by: chunkRows) {
    let size = min(chunkRows, count - start)
    let input = selected.storage.rows(start, size, columns)
    OutputHead.trainable(head).product(input, count: size, into: logits)
    backend.crossEntropy(
      logits: logits, labels: labels.storage.rows(start, size, 1),
      weights: weights?.storage.rows(start, size, 1),
      logprobs: logprobs.storage.rows(start, size, 1), rows: size, vocabulary: vocabulary)
    if let dSelected {
      backend.matmul(
        Elements(logits), transposed: false, head.elements, transposed: false,
        into: Elements(dSelected.storage.rows(start, size, columns)), m: size, n: columns,
        k: vocabulary, alpha: 1, accumulate: false, compute: backend.compute)
    }
    if let dWeight {
      backend.matmul(
        Elements(logits), transposed: true, Elements(input), transposed: false,
        into: dWeight.elements, m: vocabulary, n: columns, k: size, alpha: 1, accumulate: true,
        compute: backend.compute)
    }
  }
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
}

extension Buffer {
  /// A run of rows of 4-byte elements.
  func rows(_ start: Int, _ count: Int, _ columns: Int) -> Buffer {
    slice(byteOffset: start * columns * 4, byteCount: count * columns * 4)
  }
}
