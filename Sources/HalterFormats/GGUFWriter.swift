import Foundation

/// Writes GGUF files of version 3, in the layout of the reference writer.
public enum GGUFWriter {
  /// Writes `metadata`, in the order given, and `tensors` to `url`, atomically.
  ///
  /// A `general.alignment` among the metadata is obeyed; without one it is 32.
  /// - Throws: what a source throws, or `FormatError`: a key or name twice, a type the format has
  ///   no id for, more than four axes, a source that gave the wrong number of bytes, or a failure
  ///   to write. The destination is then as it was before.
  public static func write(
    metadata: [(key: String, value: GGUFValue)], tensors: [TensorSource], to url: URL,
    overwrite: Bool = false
  ) throws {
    let alignment = try checkedAlignment(metadata, path: url.path)
    let byteCounts = try check(tensors, path: url.path)
    var header = GGUFBytes()
    header.append(contentsOf: "GGUF".utf8)
    header.append(UInt32(3))
    header.append(UInt64(tensors.count))
    header.append(UInt64(metadata.count))
    for (key, value) in metadata {
      header.append(text: key)
      header.append(value)
    }
    var offset = 0
    for (tensor, byteCount) in zip(tensors, byteCounts) {
      header.append(text: tensor.name)
      header.append(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { header.append(UInt64(size)) }
      header.append(tensor.type.ggufID ?? 0)
      header.append(UInt64(offset))
      offset += padded(byteCount, to: alignment)
    }
    try AtomicWrite.stream(to: url, overwrite: overwrite) { (file: OutputFile) throws in
      try file.write(header.bytes)
      try file.pad(padded(file.position, to: alignment) - file.position)
      for (tensor, byteCount) in zip(tensors, byteCounts) {
        let start = file.position
        try tensor.write(file)
        try tensor.checkWritten(file.position - start, expected: byteCount, path: url.path)
        try file.pad(padded(file.position, to: alignment) - file.position)
      }
    }
  }

  private static func padded(_ size: Int, to alignment: Int) -> Int {
    (size + alignment - 1) / alignment * alignment
  }

  private static func checkedAlignment(
    _ metadata: [(key: String, value: GGUFValue)], path: String
  ) throws(FormatError) -> Int {
    var keys: Set<String> = []
    var alignment = 32
    for (key, value) in metadata {
      guard keys.insert(key).inserted else {
        throw FormatError(.invalidArgument, "the key is used twice", path: path, tensor: key)
      }
      guard key == "general.alignment" else { continue }
      guard case .uint32(let stated) = value, stated.nonzeroBitCount == 1, stated >= 8 else {
        throw FormatError(
          .invalidArgument, "the alignment must be a 32-bit power of two of 8 or more", path: path,
          tensor: key)
      }
      alignment = Int(stated)
    }
    return alignment
  }

  private static func check(_ tensors: [TensorSource], path: String) throws(FormatError) -> [Int] {
    var names: Set<String> = []
    var byteCounts: [Int] = []
    for tensor in tensors {
      guard names.insert(tensor.name).inserted else {
        throw FormatError(
          .invalidArgument, "the name is used twice", path: path, tensor: tensor.name)
      }
      guard tensor.type.ggufID != nil else {
        throw FormatError(
          .invalidArgument, "GGUF cannot hold the type \(tensor.type.rawValue)", path: path,
          tensor: tensor.name)
      }
      guard tensor.shape.count <= 4, let byteCount = tensor.type.byteCount(shape: tensor.shape)
      else {
        throw FormatError(
          .invalidArgument,
          "the shape \(tensor.shape) has more than four axes, overflows, or has rows that are no "
            + "whole number of \(tensor.type.rawValue) blocks", path: path, tensor: tensor.name)
      }
      byteCounts.append(byteCount)
    }
    return byteCounts
  }
}

/// The head of a GGUF file under construction.
private struct GGUFBytes {
  private(set) var bytes: [UInt8] = []

  mutating func append(contentsOf more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

  mutating func append(_ number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(text: String) {
    append(UInt64(text.utf8.count))
    append(contentsOf: text.utf8)
  }

  mutating func append(_ value: GGUFValue) {
    switch value {
    case .uint8(let value): tagged(0) { $0.append(value) }
    case .int8(let value): tagged(1) { $0.append(value) }
    case .uint16(let value): tagged(2) { $0.append(value) }
    case .int16(let value): tagged(3) { $0.append(value) }
    case .uint32(let value): tagged(4) { $0.append(value) }
    case .int32(let value): tagged(5) { $0.append(value) }
    case .float32(let value): tagged(6) { $0.append(value.bitPattern) }
    case .bool(let value): tagged(7) { $0.append(UInt8(value ? 1 : 0)) }
    case .string(let value): tagged(8) { $0.append(text: value) }
    case .array(let value): tagged(9) { $0.append(value) }
    case .uint64(let value): tagged(10) { $0.append(value) }
    case .int64(let value): tagged(11) { $0.append(value) }
    case .float64(let value): tagged(12) { $0.append(value.bitPattern) }
    }
  }

  private mutating func tagged(_ type: UInt32, _ body: (inout GGUFBytes) -> Void) {
    append(type)
    body(&self)
  }

  private mutating func append(_ array: GGUFArray) {
    switch array {
    case .uint8(let values): elements(0, values) { $0.append($1) }
    case .int8(let values): elements(1, values) { $0.append($1) }
    case .uint16(let values): elements(2, values) { $0.append($1) }
    case .int16(let values): elements(3, values) { $0.append($1) }
    case .uint32(let values): elements(4, values) { $0.append($1) }
    case .int32(let values): elements(5, values) { $0.append($1) }
    case .float32(let values): elements(6, values) { $0.append($1.bitPattern) }
    case .bool(let values): elements(7, values) { $0.append(UInt8($1 ? 1 : 0)) }
    case .strings(let values): elements(8, values) { $0.append(text: $1) }
    case .nested(let values): elements(9, values) { $0.append($1) }
    case .uint64(let values): elements(10, values) { $0.append($1) }
    case .int64(let values): elements(11, values) { $0.append($1) }
    case .float64(let values): elements(12, values) { $0.append($1.bitPattern) }
    }
  }

  private mutating func elements<T>(
    _ type: UInt32, _ values: [T], _ body: (inout GGUFBytes, T) -> Void
  ) {
    append(type)
    append(UInt64(values.count))
    for value in values { body(&self, value) }
  }
}
