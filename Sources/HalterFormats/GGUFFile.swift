import Foundation

/// A GGUF file of version 2 or 3, mapped, with its metadata and tensor descriptions read and
/// checked.
public struct GGUFFile: WeightFile {
  /// The file that was opened.
  public let url: URL
  /// The container's version, 2 or 3.
  public let version: Int
  /// Tensors and the data as a whole start at multiples of this many bytes.
  public let alignment: Int
  /// The metadata, with typed access.
  public let metadata: GGUFMetadata
  /// Every tensor, in the order of the header. Shapes are row-major, outermost first: the reverse
  /// of how the file stores them.
  public let tensors: [TensorRecord]
  private let file: MappedFile
  private let positions: [String: Int]

  /// Opens and checks a file.
  /// - Throws: `FormatError` with code `truncated`, `malformed` or `unsupported`, or one of the
  ///   operating system's.
  public init(_ url: URL) throws(FormatError) {
    let file = try MappedFile(url)
    let path = url.path
    let header = try file.withBytes {
      (bytes: UnsafeRawBufferPointer) throws(FormatError) -> GGUFHeader in
      try GGUFHeader(bytes, path: path)
    }
    if let parts = header.metadata["split.count"]?.integer, parts > 1 {
      throw FormatError(
        .unsupported, "this is one of \(parts) parts of a split model",
        mend: "Join the parts first: llama-gguf-split --merge", path: path)
    }
    self.url = url
    self.file = file
    version = Int(header.version)
    alignment = header.alignment
    metadata = GGUFMetadata(values: header.metadata, path: path)
    tensors = header.records
    positions = Dictionary(
      header.records.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor called `name`, or `nil`.
  public func record(named name: String) -> TensorRecord? {
    positions[name].map { tensors[$0] }
  }

  /// Hands the bytes of a tensor of this file to `body`.
  public func withBytes<R, E: Error>(
    of record: TensorRecord, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try file.withBytes(in: record.offset..<record.offset + record.byteCount, body)
  }

  /// Lets the kernel drop the tensor's pages until they are read again.
  public func release(_ record: TensorRecord) {
    file.release(record.offset..<record.offset + record.byteCount)
  }
}
