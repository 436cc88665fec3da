/// Reading and checking the head of a GGUF file: metadata and tensor descriptions.
struct GGUFHeader {
  private(set) var version: UInt32 = 0
  private(set) var alignment = 32
  private(set) var metadata: [String: GGUFValue] = [:]
  private(set) var records: [TensorRecord] = []
  private(set) var dataStart = 0
  private var cursor: ByteCursor

  /// A tensor as described, before the start of the data is known.
  private struct Description {
    let name: String
    let type: StorageType
    let shape: [Int]
    let relativeOffset: UInt64
    let byteCount: Int
  }

  private static let deepestArray = 8

  init(_ bytes: UnsafeRawBufferPointer, path: String) throws(FormatError) {
    cursor = ByteCursor(bytes, path: path)
    try readVersion()
    // A tensor's description takes 24 bytes or more, a pair 13 or more.
    let tensorCount = try cursor.count(of: "tensors", size: 24)
    let pairCount = try cursor.count(of: "metadata pairs", size: 13)
    for _ in 0..<pairCount { try readPair() }
    try readAlignment()
    var descriptions: [Description] = []
    var names: Set<String> = []
    for _ in 0..<tensorCount {
      let description = try readDescription()
      guard names.insert(description.name).inserted else {
        throw failure(.malformed, description.name, "the file names this tensor twice")
      }
      descriptions.append(description)
    }
    let (start, overflow) = cursor.offset.addingReportingOverflow(alignment - 1)
    guard !overflow else { throw cursor.malformed("impossible alignment \(alignment)") }
    dataStart = start / alignment * alignment
    for description in descriptions { records.append(try place(description)) }
    try checkOverlap()
  }

  private mutating func readVersion() throws(FormatError) {
    let magic: UInt32 = try cursor.integer("the magic number")
    guard magic == 0x4655_4747 else {
      throw FormatError(
        .malformed, "the file does not begin with 'GGUF'", mend: "This is not a GGUF file",
        path: cursor.path, offset: 0)
    }
    version = try cursor.integer("the version")
    if (1...3).contains(version.byteSwapped) {
      throw FormatError(
        .unsupported, "this is a big-endian GGUF file",
        mend: "Convert it to little-endian with gguf-py's convert-endian script",
        path: cursor.path, offset: 4)
    }
    guard version == 2 || version == 3 else {
      throw FormatError(
        .unsupported, "GGUF version \(version) is not supported; 2 and 3 are",
        mend: "Convert the model again with a current converter", path: cursor.path, offset: 4)
    }
  }

  private mutating func readPair() throws(FormatError) {
    let key = try cursor.string("a metadata key")
    guard metadata[key] == nil else {
      throw failure(.malformed, key, "this metadata key appears twice")
    }
    let type: UInt32 = try cursor.integer("a metadata type")
    metadata[key] = try readValue(type, key: key)
  }

  private mutating func readValue(
    _ type: UInt32, key: String
  ) throws(FormatError) -> GGUFValue {
    let what = "metadata"
    switch type {
    case 0: return .uint8(try cursor.integer(what))
    case 1: return .int8(try cursor.integer(what))
    case 2: return .uint16(try cursor.integer(what))
    case 3: return .int16(try cursor.integer(what))
    case 4: return .uint32(try cursor.integer(what))
    case 5: return .int32(try cursor.integer(what))
    case 6: return .float32(Float(bitPattern: try cursor.integer(what)))
    case 7: return .bool(try readBool(key))
    case 8: return .string(try cursor.string("a metadata text"))
    case 9: return .array(try readArray(key: key, depth: 0))
    case 10: return .uint64(try cursor.integer(what))
    case 11: return .int64(try cursor.integer(what))
    case 12: return .float64(Double(bitPattern: try cursor.integer(what)))
    default: throw failure(.unsupported, key, "metadata type \(type) is unknown; expected 0 to 12")
    }
  }

  private mutating func readBool(_ key: String) throws(FormatError) -> Bool {
    let byte: UInt8 = try cursor.integer("metadata")
    guard byte <= 1 else { throw failure(.malformed, key, "a truth value is \(byte), not 0 or 1") }
    return byte == 1
  }

  private mutating func readArray(
    key: String, depth: Int
  ) throws(FormatError) -> GGUFArray {
    guard depth < GGUFHeader.deepestArray else {
      throw failure(.malformed, key, "arrays are nested too deeply")
    }
    let type: UInt32 = try cursor.integer("an array")
    let sizes = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8]
    guard type < sizes.count else {
      throw failure(.unsupported, key, "array element type \(type) is unknown; expected 0 to 12")
    }
    let count = try cursor.count(of: "array elements", size: sizes[Int(type)])
    switch type {
    case 0: return .uint8(cursor.numbers(count, of: UInt8.self))
    case 1: return .int8(cursor.numbers(count, of: Int8.self))
    case 2: return .uint16(cursor.numbers(count, of: UInt16.self))
    case 3: return .int16(cursor.numbers(count, of: Int16.self))
    case 4: return .uint32(cursor.numbers(count, of: UInt32.self))
    case 5: return .int32(cursor.numbers(count, of: Int32.self))
    case 6: return .float32(cursor.numbers(count, of: Float.self))
    case 7:
      var values: [Bool] = []
      for _ in 0..<count { values.append(try readBool(key)) }
      return .bool(values)
    case 8:
      var values: [String] = []
      values.reserveCapacity(count)
      for _ in 0..<count { values.append(try cursor.string("a text in an array")) }
      return .strings(values)
    case 9:
      var values: [GGUFArray] = []
      for _ in 0..<count { values.append(try readArray(key: key, depth: depth + 1)) }
      return .nested(values)
    case 10: return .uint64(cursor.numbers(count, of: UInt64.self))
    case 11: return .int64(cursor.numbers(count, of: Int64.self))
    default: return .float64(cursor.numbers(count, of: Double.self))
    }
  }

  private mutating func readAlignment() throws(FormatError) {
    let key = "general.alignment"
    guard let value = metadata[key] else { return }
    guard let stated = value.integer, stated > 0, stated & (stated - 1) == 0,
      stated <= 1 << 30
    else {
      throw failure(.malformed, key, "the alignment must be a power of two of at most 2^30")
    }
    alignment = stated
  }

  private mutating func readDescription() throws(FormatError) -> Description {
    let name = try cursor.string("a tensor name")
    let axes: UInt32 = try cursor.integer("a tensor description")
    guard axes <= 4 else {
      throw failure(.malformed, name, "it has \(axes) axes; GGUF allows at most 4")
    }
    var shape: [Int] = []
    for _ in 0..<axes {
      let size: UInt64 = try cursor.integer("a tensor description")
      guard size <= UInt64(Int32.max) * 1024 else {
        throw failure(.malformed, name, "an axis of \(size) elements is too large for any file")
      }
      shape.append(Int(size))
    }
    shape.reverse()
    let id: UInt32 = try cursor.integer("a tensor description")
    let relativeOffset: UInt64 = try cursor.integer("a tensor description")
    guard let type = StorageType(gguf: id) else {
      throw failure(
        .unsupported, name, "tensor type \(id) is unknown or withdrawn",
        mend: "Convert the model to a current type such as Q8_0 or Q4_K")
    }
    guard let byteCount = type.byteCount(shape: shape) else {
      throw failure(
        .malformed, name,
        "the shape \(shape) overflows or its rows are no whole number of \(type.rawValue) blocks "
          + "of \(type.blockSize)")
    }
    return Description(
      name: name, type: type, shape: shape, relativeOffset: relativeOffset, byteCount: byteCount)
  }

  private func place(_ tensor: Description) throws(FormatError) -> TensorRecord {
    guard tensor.relativeOffset % UInt64(alignment) == 0 else {
      throw failure(
        .malformed, tensor.name,
        "its offset \(tensor.relativeOffset) is no multiple of the alignment \(alignment)")
    }
    let available = cursor.bytes.count - dataStart
    guard available >= tensor.byteCount,
      tensor.relativeOffset <= UInt64(available - tensor.byteCount)
    else {
      throw failure(
        .truncated, tensor.name,
        "its \(tensor.byteCount) bytes at \(tensor.relativeOffset) lie beyond the end of the file, "
          + "which has \(max(available, 0)) bytes of data")
    }
    return TensorRecord(
      name: tensor.name, type: tensor.type, shape: tensor.shape,
      offset: dataStart + Int(tensor.relativeOffset), byteCount: tensor.byteCount)
  }

  private func checkOverlap() throws(FormatError) {
    var end = dataStart
    for record in records.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
      guard record.offset >= end else {
        throw failure(.malformed, record.name, "its data overlaps another tensor's")
      }
      end = record.offset + record.byteCount
    }
  }

  private func failure(
    _ code: FormatError.Code, _ name: String, _ message: String,
    mend: String = "The file is damaged or cut short; fetch it again"
  ) -> FormatError {
    FormatError(
      code, message, mend: mend, path: cursor.path, offset: cursor.offset, tensor: name)
  }
}
