/// A value in the metadata of a GGUF file.
public enum GGUFValue: Sendable, Equatable {
  /// An unsigned integer of 8 bits.
  case uint8(UInt8)
  /// A signed integer of 8 bits.
  case int8(Int8)
  /// An unsigned integer of 16 bits.
  case uint16(UInt16)
  /// A signed integer of 16 bits.
  case int16(Int16)
  /// An unsigned integer of 32 bits.
  case uint32(UInt32)
  /// A signed integer of 32 bits.
  case int32(Int32)
  /// A float of 32 bits.
  case float32(Float)
  /// A truth value.
  case bool(Bool)
  /// Text.
  case string(String)
  /// Values of one type.
  case array(GGUFArray)
  /// An unsigned integer of 64 bits.
  case uint64(UInt64)
  /// A signed integer of 64 bits.
  case int64(Int64)
  /// A float of 64 bits.
  case float64(Double)

  /// Any integer type, if it fits `Int`.
  public var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    default: nil
    }
  }

  /// Either float type.
  public var float: Double? {
    switch self {
    case .float32(let value): Double(value)
    case .float64(let value): value
    default: nil
    }
  }

  /// What the value is, for messages.
  var kind: String {
    switch self {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: "an integer"
    case .float32, .float64: "a float"
    case .bool: "a truth value"
    case .string: "text"
    case .array(.strings): "an array of text"
    case .array(.float32), .array(.float64): "an array of floats"
    case .array(.bool): "an array of truth values"
    case .array(.nested): "an array of arrays"
    case .array: "an array of integers"
    }
  }
}

/// The elements of an array in the metadata of a GGUF file, all of one type.
public enum GGUFArray: Sendable, Equatable {
  /// Unsigned integers of 8 bits.
  case uint8([UInt8])
  /// Signed integers of 8 bits.
  case int8([Int8])
  /// Unsigned integers of 16 bits.
  case uint16([UInt16])
  /// Signed integers of 16 bits.
  case int16([Int16])
  /// Unsigned integers of 32 bits.
  case uint32([UInt32])
  /// Signed integers of 32 bits.
  case int32([Int32])
  /// Floats of 32 bits.
  case float32([Float])
  /// Truth values.
  case bool([Bool])
  /// Texts.
  case strings([String])
  /// Arrays.
  case nested([GGUFArray])
  /// Unsigned integers of 64 bits.
  case uint64([UInt64])
  /// Signed integers of 64 bits.
  case int64([Int64])
  /// Floats of 64 bits.
  case float64([Double])

  /// The elements of any integer type, if all fit `Int`.
  public var integers: [Int]? {
    switch self {
    case .uint8(let values): values.map(Int.init)
    case .int8(let values): values.map(Int.init)
    case .uint16(let values): values.map(Int.init)
    case .int16(let values): values.map(Int.init)
    case .uint32(let values): values.map(Int.init)
    case .int32(let values): values.map(Int.init)
    case .int64(let values): values.map(Int.init)
    case .uint64(let values):
      values.allSatisfy { $0 <= UInt64(Int.max) } ? values.map(Int.init) : nil
    default: nil
    }
  }
}

/// The key and value pairs at the head of a GGUF file.
public struct GGUFMetadata: Sendable {
  /// The pairs by key.
  public let values: [String: GGUFValue]
  let path: String

  /// Every key, sorted.
  public var keys: [String] { values.keys.sorted() }

  /// The value of `key`, or `nil`.
  public subscript(key: String) -> GGUFValue? { values[key] }

  /// The text under `key`.
  /// - Throws: `FormatError` with code `missing` or `wrongType`, as do all accessors below.
  public func string(_ key: String) throws(FormatError) -> String {
    let value = try require(key)
    guard case .string(let text) = value else { throw wrong(key, value, expected: "text") }
    return text
  }

  /// The integer under `key`, whatever its width.
  public func integer(_ key: String) throws(FormatError) -> Int {
    let value = try require(key)
    guard let integer = value.integer else { throw wrong(key, value, expected: "an integer") }
    return integer
  }

  /// The float under `key`, of either width.
  public func float(_ key: String) throws(FormatError) -> Double {
    let value = try require(key)
    guard let float = value.float else { throw wrong(key, value, expected: "a float") }
    return float
  }

  /// The truth value under `key`.
  public func bool(_ key: String) throws(FormatError) -> Bool {
    let value = try require(key)
    guard case .bool(let truth) = value else { throw wrong(key, value, expected: "a truth value") }
    return truth
  }

  /// The array of text under `key`.
  public func strings(_ key: String) throws(FormatError) -> [String] {
    let value = try require(key)
    guard case .array(.strings(let texts)) = value else {
      throw wrong(key, value, expected: "an array of text")
    }
    return texts
  }

  /// The array of integers under `key`, whatever their width.
  public func integers(_ key: String) throws(FormatError) -> [Int] {
    let value = try require(key)
    guard case .array(let array) = value, let integers = array.integers else {
      throw wrong(key, value, expected: "an array of integers")
    }
    return integers
  }

  /// The array of 32-bit floats under `key`.
  public func floats(_ key: String) throws(FormatError) -> [Float] {
    let value = try require(key)
    guard case .array(.float32(let floats)) = value else {
      throw wrong(key, value, expected: "an array of floats")
    }
    return floats
  }

  private func require(_ key: String) throws(FormatError) -> GGUFValue {
    guard let value = values[key] else {
      throw FormatError(
        .missing, "the file has no such metadata key",
        mend: "Convert the model again with a current converter", path: path, tensor: key)
    }
    return value
  }

  private func wrong(_ key: String, _ value: GGUFValue, expected: String) -> FormatError {
    FormatError(
      .wrongType, "the metadata holds \(value.kind) where \(expected) was expected",
      mend: "Convert the model again with a current converter", path: path, tensor: key)
  }
}
