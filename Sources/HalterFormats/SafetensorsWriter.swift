import Foundation

/// Writes safetensors files in the layout of the reference writer: tensors by descending type,
/// then by name; a compact header padded with spaces to a multiple of eight bytes.
public enum SafetensorsWriter {
  /// Writes `tensors` and `metadata` to `url`, atomically.
  ///
  /// Transformers and PEFT expect the metadata `["format": "pt"]`.
  /// - Throws: what a source throws, or `FormatError`: a name twice, a type the format has no name
  ///   for, a source that gave the wrong number of bytes, or a failure to write. The destination
  ///   is then as it was before.
  public static func write(
    _ tensors: [TensorSource], metadata: [String: String] = [:], to url: URL,
    overwrite: Bool = false
  ) throws {
    let (header, sorted) = try layOut(tensors, metadata: metadata, path: url.path)
    try AtomicWrite.stream(to: url, overwrite: overwrite) { (file: OutputFile) throws in
      try file.write(header)
      for (source, byteCount) in sorted {
        let start = file.position
        try source.write(file)
        try source.checkWritten(file.position - start, expected: byteCount, path: url.path)
      }
    }
  }

  /// The header with its length, and the tensors in file order with their sizes.
  private static func layOut(
    _ tensors: [TensorSource], metadata: [String: String], path: String
  ) throws(FormatError) -> ([UInt8], [(TensorSource, Int)]) {
    var ranked: [(rank: Int, typeName: String, byteCount: Int, source: TensorSource)] = []
    var names: Set<String> = []
    for source in tensors {
      guard names.insert(source.name).inserted, source.name != "__metadata__" else {
        throw FormatError(
          .invalidArgument, "the name is used twice or reserved", path: path, tensor: source.name)
      }
      guard let rank = source.type.safetensorsRank, let typeName = source.type.safetensorsName
      else {
        throw FormatError(
          .invalidArgument, "safetensors cannot hold the type \(source.type.rawValue)",
          mend: "Decode it to F32, F16 or BF16 first", path: path, tensor: source.name)
      }
      guard let byteCount = source.type.byteCount(shape: source.shape) else {
        throw FormatError(
          .invalidArgument, "impossible shape \(source.shape)", path: path, tensor: source.name)
      }
      ranked.append((rank, typeName, byteCount, source))
    }
    ranked.sort { left, right in
      left.rank != right.rank
        ? left.rank > right.rank
        : left.source.name.utf8.lexicographicallyPrecedes(right.source.name.utf8)
    }
    var json = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { "\(quoted($0.key)):\(quoted($0.value))" }
      json += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
    }
    var end = 0
    for (_, typeName, byteCount, source) in ranked {
      if json.utf8.count > 1 { json += "," }
      let shape = source.shape.map(String.init).joined(separator: ",")
      json += "\(quoted(source.name)):{\"dtype\":\"\(typeName)\",\"shape\":[\(shape)],"
      json += "\"data_offsets\":[\(end),\(end + byteCount)]}"
      end += byteCount
    }
    json += "}"
    json += String(repeating: " ", count: (8 - json.utf8.count % 8) % 8)
    guard json.utf8.count <= SafetensorsFile.longestHeader else {
      throw FormatError(
        .invalidArgument, "the header would be larger than readers accept",
        mend: "Write fewer tensors or less metadata", path: path)
    }
    let length = withUnsafeBytes(of: UInt64(json.utf8.count).littleEndian) { [UInt8]($0) }
    return (length + Array(json.utf8), ranked.map { ($0.source, $0.byteCount) })
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\u{C}": result += "\\f"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
