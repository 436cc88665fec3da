import Foundation

/// Where one tensor lies in a file and how to read it.
public struct TensorRecord: Sendable, Hashable {
  /// The name as the file has it.
  public let name: String
  /// How its elements are stored.
  public let type: StorageType
  /// Row-major, outermost axis first, in every format. `[]` is a scalar.
  public let shape: [Int]
  /// First byte, counted from the start of the file. It need not be aligned to the element size:
  /// a safetensors file may start a tensor anywhere. Read with `loadUnaligned` or copy first.
  public let offset: Int
  /// Length in bytes.
  public let byteCount: Int

  /// Number of elements.
  public var elementCount: Int { shape.reduce(1, *) }

  /// Describes a tensor; the byte count must be the one `type` and `shape` imply.
  public init(name: String, type: StorageType, shape: [Int], offset: Int, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// A file, or a set of shards, that holds named tensors and can be read piece by piece.
public protocol WeightFile: Sendable {
  /// The file or directory that was opened.
  var url: URL { get }
  /// Every tensor, in the order of the file.
  var tensors: [TensorRecord] { get }
  /// The tensor called `name`, or `nil`.
  func record(named name: String) -> TensorRecord?
  /// Hands the bytes of a tensor of this file to `body`; the pointer is valid only inside it and
  /// may be unaligned.
  func withBytes<R, E: Error>(
    of record: TensorRecord, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R
  /// Says that the tensor's pages are not needed for now, so that memory does not fill with them.
  /// The bytes stay readable.
  func release(_ record: TensorRecord)
}

extension WeightFile {
  /// Hands the bytes of a tensor to `body` as a bounds-checked view.
  public func withSpan<R, E: Error>(
    of record: TensorRecord, _ body: (RawSpan) throws(E) -> R
  ) throws(E) -> R {
    try withBytes(of: record) { (bytes: UnsafeRawBufferPointer) throws(E) -> R in
      try body(bytes.bytes)
    }
  }

  /// A copy of the tensor's bytes.
  public func bytes(of record: TensorRecord) -> [UInt8] {
    withBytes(of: record) { [UInt8]($0) }
  }

  /// The tensor called `name`.
  /// - Throws: `FormatError` with code `missing`, naming a few tensors that are there.
  public func require(_ name: String) throws(FormatError) -> TensorRecord {
    if let record = record(named: name) { return record }
    let present = tensors.prefix(3).map(\.name).joined(separator: ", ")
    throw FormatError(
      .missing,
      "no such tensor among the \(tensors.count) in the file (which has: \(present), …)",
      mend: "Check that the file is a checkpoint of the expected architecture", path: url.path,
      tensor: name)
  }
}
