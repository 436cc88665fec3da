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

  /// y[m, rows] = x[m, columns] · Wᵀ, or y += … when accumulating.
  func product(_ x: Buffer, count m: Int, into y: Buffer, accumulate: Bool)
  /// dx[m, columns] = dy[m, rows] · W, or dx += … when accumulating.
  func transposedProduct(_ dy: Buffer, count m: Int, into dx: Buffer, accumulate: Bool)
  /// y[i, columns] = W[ids[i]]: the lookup of an embedding; ids are i32 and in range.
  func gather(ids: Buffer, count: Int, into y: Buffer)
  /// A range of rows as f32, `[range.count, columns]`.
  func denseRows(_ range: Range<Int>) -> Buffer
}

/// A frozen matrix of f32 values.
public final class DenseMatrix: FrozenMatrix {
  public let rows: Int
  public let columns: Int
  public let backend: any Backend
  private let values: Buffer

  /// A matrix over a buffer of rows · columns f32 values.
  public init(_ values: Buffer, rows: Int, columns: Int, backend: any Backend) {
    precondition(values.byteCount >= rows * columns * 4)
    self.rows = rows
    self.columns = columns
    self.values = values
    self.backend = backend
  }

  public var byteCount: Int { rows * columns * 4 }
  public var format: String { "f32" }

  public func product(_ x: Buffer, count m: Int, into y: Buffer, accumulate: Bool) {
    backend.matmul(
      x, transposed: false, values, transposed: true, into: y, m: m, n: rows, k: columns,
      alpha: 1, accumulate: accumulate)
  }

  public func transposedProduct(_ dy: Buffer, count m: Int, into dx: Buffer, accumulate: Bool) {
    backend.matmul(
      dy, transposed: false, values, transposed: false, into: dx, m: m, n: columns, k: rows,
      alpha: 1, accumulate: accumulate)
  }

  public func gather(ids: Buffer, count: Int, into y: Buffer) {
    backend.gatherRows(values, ids: ids, into: y, count: count, columns: columns)
  }

  public func denseRows(_ range: Range<Int>) -> Buffer {
    values.slice(byteOffset: range.lowerBound * columns * 4, byteCount: range.count * columns * 4)
  }
}
