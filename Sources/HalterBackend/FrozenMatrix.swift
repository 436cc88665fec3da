/// A weight matrix `[rows, columns]` = `[outputs, inputs]` that training never changes, in whatever
/// format it is stored. Layers, adapters, heads and merging see frozen weights only through this.
public protocol FrozenMatrix: AnyObject {
  /// The number of outputs.
  var rows: Int { get }
  /// The number of inputs.
  var columns: Int { get }
  /// The size of the stored weights in bytes.
  var byteCount: Int { get }
  /// The storage format in words, e.g. `f32`.
  var format: String { get }
  /// The device that holds the matrix.
  var backend: any Backend { get }
  /// The numbers as the device has them.
  var weights: StoredWeights { get }

  /// y[m, rows] = x[m, columns] · Wᵀ, or y += … when accumulating; with a low-rank term added.
  func product(
    _ x: Elements, count m: Int, adding term: LowRankTerm?, into y: Elements, accumulate: Bool)
  /// dx[m, columns] = dy[m, rows] · W, or dx += … when accumulating; with a low-rank term added.
  func transposedProduct(
    _ dy: Elements, count m: Int, adding term: LowRankTerm?, into dx: Elements, accumulate: Bool)
  /// y[i, columns] = W[ids[i]]: the lookup of an embedding; ids are i32 and in range.
  func gather(ids: Buffer, count: Int, into y: Buffer)
  /// A range of rows as f32, `[range.count, columns]`.
  func denseRows(_ range: Range<Int>) -> Buffer
}

extension FrozenMatrix {
  /// y[m, rows] = x[m, columns] · Wᵀ, or y += … when accumulating.
  public func product(_ x: Elements, count m: Int, into y: Elements, accumulate: Bool) {
    product(x, count: m, adding: nil, into: y, accumulate: accumulate)
  }

  /// dx[m, columns] = dy[m, rows] · W, or dx += … when accumulating.
  public func transposedProduct(
    _ dy: Elements, count m: Int, into dx: Elements, accumulate: Bool
  ) {
    transposedProduct(dy, count: m, adding: nil, into: dx, accumulate: accumulate)
  }
}

/// A frozen matrix in any storage format of its device.
public final class StoredMatrix: FrozenMatrix {
  public let backend: any Backend
  public let weights: StoredWeights

  /// A matrix of stored weights.
  public init(_ weights: StoredWeights, backend: any Backend) {
    self.weights = weights
    self.backend = backend
  }

  /// A matrix over a buffer of rows · columns f32 values.
  public convenience init(dense values: Buffer, rows: Int, columns: Int, backend: any Backend) {
    self.init(
      StoredWeights(format: .f32, rows: rows, columns: columns, values: values), backend: backend)
  }

  public var rows: Int { weights.rows }
  public var columns: Int { weights.columns }
  public var byteCount: Int { weights.byteCount }
  public var format: String { weights.summary }

  public func product(
    _ x: Elements, count m: Int, adding term: LowRankTerm?, into y: Elements, accumulate: Bool
  ) {
    backend.product(x, count: m, weights, adding: term, into: y, accumulate: accumulate)
  }

  public func transposedProduct(
    _ dy: Elements, count m: Int, adding term: LowRankTerm?, into dx: Elements, accumulate: Bool
  ) {
    backend.transposedProduct(dy, count: m, weights, adding: term, into: dx, accumulate: accumulate)
  }

  public func gather(ids: Buffer, count: Int, into y: Buffer) {
    backend.gatherRows(of: weights, ids: ids, into: y, count: count)
  }

  public func denseRows(_ range: Range<Int>) -> Buffer {
    if weights.format == .f32 {
      return weights.values.slice(
        byteOffset: range.lowerBound * columns * 4, byteCount: range.count * columns * 4)
    }
    let y = backend.allocate(byteCount: max(1, range.count * columns * 4))
    backend.decodeRows(range, of: weights, into: y)
    return y
  }
}
