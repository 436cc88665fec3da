import HalterJSON

/// Reading and checking the head of a safetensors file.
struct SafetensorsHeader {
  let path: String
  let dataStart: Int
  let fileSize: Int
  private(set) var records: [TensorRecord] = []
  private(set) var metadata: [String: String] = [:]
  private var names: Set<String> = []

  /// Reads the header of a file with these bytes.
  init(_ bytes: UnsafeRawBufferPointer, path: String) throws(FormatError) {
    let length = try SafetensorsHeader.length(bytes, path: path)
    self.path = path
    dataStart = 8 + length
    fileSize = bytes.count
    let text = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart])
    let json = try JSONValue(parsing: text, path: path, origin: 8)
    guard let members = json.object else { throw malformed(json, "expected an object") }
    for member in members {
      if member.key == "__metadata__" {
        try readMetadata(member.value)
      } else {
        try readTensor(member.key, member.value)
      }
    }
    try checkTiling()
  }

  private func malformed(_ value: JSONValue, _ expected: String) -> FormatError {
    .malformedJSON("found \(value.kindInWords), \(expected)", path: path, offset: 8 + value.offset)
  }

  private static func length(
    _ bytes: UnsafeRawBufferPointer, path: String
  ) throws(FormatError) -> Int {
    guard bytes.count >= 8 else {
      throw FormatError(
        .truncated, "the file has \(bytes.count) bytes; safetensors needs at least 8",
        mend: "Fetch the file again", path: path)
    }
    let stated = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard stated <= UInt64(SafetensorsFile.longestHeader) else {
      throw FormatError(
        .malformed,
        "the header claims \(stated) bytes; at most \(SafetensorsFile.longestHeader) are allowed",
        mend: "This is probably not a safetensors file", path: path, offset: 0)
    }
    guard Int(stated) + 8 <= bytes.count else {
      throw FormatError(
        .truncated, "the header claims \(stated) bytes but the file has only \(bytes.count)",
        mend: "The download was probably cut short; fetch the file again", path: path, offset: 0)
    }
    return Int(stated)
  }

  private mutating func readMetadata(_ value: JSONValue) throws(FormatError) {
    guard let members = value.object else { throw malformed(value, "expected an object") }
    for member in members {
      guard let text = member.value.string else { throw malformed(member.value, "expected text") }
      metadata[member.key] = text
    }
  }

  private mutating func readTensor(_ name: String, _ value: JSONValue) throws(FormatError) {
    // The JSON has no key twice; two that Swift takes for the same text would still be one here.
    guard names.insert(name).inserted else {
      throw failure(.malformed, name, "the header names this tensor twice")
    }
    guard let entry = value.object else { throw malformed(value, "expected an object") }
    let typeName = entry["dtype"]?.string
    let shape = try naturals(entry["shape"], of: name, limit: 64)
    let range = try naturals(entry["data_offsets"], of: name, limit: 2)
    guard let typeName, let shape, let range, range.count == 2 else {
      throw failure(.malformed, name, "its entry needs dtype, shape and two data_offsets")
    }
    records.append(try record(name, typeName, shape, range))
  }

  /// A list of whole numbers of 0 or more, nil where there is none.
  private func naturals(
    _ value: JSONValue?, of name: String, limit: Int
  ) throws(FormatError) -> [Int]? {
    guard let list = value?.array else { return nil }
    guard list.count <= limit else {
      throw failure(.malformed, name, "a list of its entry has more than \(limit) numbers")
    }
    var numbers: [Int] = []
    for element in list {
      guard let number = element.integer, number >= 0 else {
        throw malformed(element, "\(element.excerpt), expected a whole number of 0 to 2^63 - 1")
      }
      numbers.append(number)
    }
    return numbers
  }

  private func record(
    _ name: String, _ typeName: String, _ shape: [Int], _ range: [Int]
  ) throws(FormatError) -> TensorRecord {
    guard let type = StorageType(safetensors: typeName) else {
      throw FormatError(
        .unsupported, "its type '\(FormatError.shortened(typeName))' is not supported",
        mend: "Convert the file to F32, F16 or BF16", path: path, tensor: name)
    }
    guard let byteCount = type.byteCount(shape: shape) else {
      throw failure(.malformed, name, "the shape \(shape) is too large for any file")
    }
    let available = fileSize - dataStart
    guard range[0] <= range[1] else {
      throw failure(.malformed, name, "its data ends before it begins: \(range)")
    }
    guard range[1] - range[0] == byteCount else {
      throw failure(
        .malformed, name,
        "\(typeName) of shape \(shape) takes \(byteCount) bytes but the header gives it "
          + "\(range[1] - range[0])")
    }
    guard range[1] <= available else {
      throw failure(
        .truncated, name,
        "its data ends \(range[1]) bytes into a data part of only \(available) bytes")
    }
    return TensorRecord(
      name: name, type: type, shape: shape, offset: dataStart + range[0], byteCount: byteCount)
  }

  private mutating func checkTiling() throws(FormatError) {
    records.sort { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
    var end = dataStart
    for record in records {
      guard record.offset == end else {
        let what = record.offset > end ? "leaves a gap before" : "overlaps the one before"
        throw failure(
          .malformed, record.name,
          "its data begins at \(record.offset) and \(what): expected \(end)")
      }
      end += record.byteCount
    }
    guard end == fileSize else {
      throw FormatError(
        .malformed, "\(fileSize - end) bytes follow the last tensor",
        mend: "The file is damaged or was joined with another; fetch it again", path: path,
        offset: end)
    }
  }

  private func failure(_ code: FormatError.Code, _ name: String, _ message: String) -> FormatError {
    FormatError(
      code, message, mend: "The file is damaged; fetch it again", path: path, tensor: name)
  }
}
