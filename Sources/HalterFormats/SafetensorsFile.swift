import Foundation

/// A safetensors file, mapped, with its header read and checked.
///
/// Layout: the header's length as a little-endian 64-bit number, the header as JSON, the tensors'
/// bytes. Tensors must tile the data from its start to its end without gap or overlap.
public struct SafetensorsFile: WeightFile {
  /// The file that was opened.
  public let url: URL
  /// Every tensor, in the order of its bytes.
  public let tensors: [TensorRecord]
  /// The free text pairs under `__metadata__`.
  public let metadata: [String: String]
  private let file: MappedFile
  private let positions: [String: Int]

  /// Longest header that any reader of the format accepts.
  static let longestHeader = 100_000_000

  /// Opens and checks a file.
  /// - Throws: `FormatError` with code `truncated`, `malformed` or `unsupported`, or one of the
  ///   operating system's.
  public init(_ url: URL) throws(FormatError) {
    let file = try MappedFile(url)
    let path = url.path
    let header = try file.withBytes {
      (bytes: UnsafeRawBufferPointer) throws(FormatError) -> SafetensorsHeader in
      try SafetensorsHeader(bytes, path: path)
    }
    self.url = url
    self.file = file
    tensors = header.records
    metadata = header.metadata
    positions = Dictionary(
      header.records.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor called `name`, or `nil`.
  public func record(named name: String) -> TensorRecord? {
    positions[name].map { tensors[$0] }
  }

  /// Hands the bytes of a tensor of this file to `body`; they may be unaligned.
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
