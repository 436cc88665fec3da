import Foundation

/// A tensor to be written: what the header says of it, and a way to get its bytes when their turn
/// comes, so that a model need never be in memory as a whole.
public struct TensorSource {
  /// The name in the file.
  public let name: String
  /// How the elements are stored.
  public let type: StorageType
  /// Row-major, outermost axis first.
  public let shape: [Int]
  let write: (OutputFile) throws -> Void

  /// A tensor whose bytes `write` appends to the file when called. It must append exactly the
  /// number of bytes that `type` and `shape` imply.
  public init(
    _ name: String, _ type: StorageType, shape: [Int],
    write: @escaping (OutputFile) throws -> Void
  ) {
    self.name = name
    self.type = type
    self.shape = shape
    self.write = write
  }

  /// A tensor whose bytes `provide` returns when called.
  public init(
    _ name: String, _ type: StorageType, shape: [Int], provide: @escaping () throws -> [UInt8]
  ) {
    self.init(name, type, shape: shape) { file in try file.write(try provide()) }
  }

  /// A tensor with these bytes.
  public init(_ name: String, _ type: StorageType, shape: [Int], bytes: [UInt8]) {
    self.init(name, type, shape: shape) { file in try file.write(bytes) }
  }

  /// A float32 tensor with these numbers.
  public init(_ name: String, shape: [Int], floats: [Float]) {
    self.init(name, .f32, shape: shape) { file in try file.write(numbers: floats) }
  }

  /// A tensor copied as it is from another file.
  public init(_ name: String, copying record: TensorRecord, from file: any WeightFile) {
    self.init(name, record.type, shape: record.shape) { output in
      try file.withBytes(of: record) { bytes in try output.write(bytes) }
      file.release(record)
    }
  }

  /// Refuses a source that gave more or fewer bytes than its type and shape imply.
  func checkWritten(_ written: Int, expected: Int, path: String) throws(FormatError) {
    guard written == expected else {
      throw FormatError(
        .invalidArgument,
        "\(type.rawValue) of shape \(shape) takes \(expected) bytes but \(written) were written",
        path: path, tensor: name)
    }
  }
}
