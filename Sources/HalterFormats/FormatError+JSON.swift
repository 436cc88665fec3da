import HalterJSON

extension FormatError {
  /// JSON that is not what a file of its format holds.
  static func malformedJSON(_ message: String, path: String, offset: Int) -> FormatError {
    FormatError(
      .malformed, "the JSON is not valid: \(message)",
      mend: "The file is damaged or not of this format; fetch it again", path: path,
      offset: offset)
  }
}

extension JSONValue {
  /// Reads `bytes`, which start at `origin` in the file at `path`.
  init(
    parsing bytes: UnsafeRawBufferPointer, path: String, origin: Int = 0
  ) throws(FormatError) {
    do {
      self = try JSONValue(parsing: [UInt8](bytes))
    } catch {
      throw .malformedJSON(error.message, path: path, offset: origin + error.offset)
    }
  }
}
