/// Tells the format of a file from its name and its first bytes.
enum FormatDetection {
  /// The first bytes of an HDF5 file without a user block.
  static let hdf5Signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Formats that are not read, by their first bytes, and what to do about them.
  private static let foreign: [(bytes: [UInt8], name: String, mend: String)] = [
    ([0x28, 0xB5, 0x2F, 0xFD], "packed with zstd", "unpack it (zstd -d), or pack it with gzip"),
    (
      [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "packed with xz",
      "unpack it (xz -d), or pack it with gzip"
    ),
    (Array("BZh".utf8), "packed with bzip2", "unpack it (bzip2 -d), or pack it with gzip"),
    ([0x50, 0x4B, 0x03, 0x04], "a zip archive", "unpack it (unzip)"),
    (
      Array("PAR1".utf8), "a Parquet file",
      "convert it, as with pandas: read_parquet(…).to_json(…, orient=\"records\", lines=True)"
    ),
    (
      Array("ARROW1".utf8), "an Arrow file",
      "convert it, as with pandas: read_feather(…).to_json(…, orient=\"records\", lines=True)"
    ),
    (Array("SQLite format 3".utf8), "an SQLite database", "export the table as CSV"),
    ([0xFF, 0xFE], "UTF-16 text", "save it as UTF-8"),
    ([0xFE, 0xFF], "UTF-16 text", "save it as UTF-8"),
  ]

  /// The format of a file.
  ///
  /// - Parameters:
  ///   - name: the file's name, for its extension and for messages.
  ///   - declared: the format that the recipe names.
  ///   - window: the file's bytes from their start; none is taken.
  /// - Throws: `DataError` when the format is not read, contradicts the name or cannot be told.
  static func format(
    of name: String, declared: DataFormat?, in window: inout ByteWindow
  ) throws(DataError) -> DataFormat {
    for (bytes, kind, mend) in foreign where window.bytes.starts(with: bytes) {
      throw DataError(.malformed, "this is \(kind), which is not read; \(mend)", file: name)
    }
    let named = declared ?? DataFormat(fileName: name)
    if window.bytes.starts(with: hdf5Signature) || named == .hdf5 {
      try checkHDF5(named, in: window, name: name)
      return .hdf5
    }
    guard let first = try window.firstPrintable() else { return named ?? .jsonl }
    let found: DataFormat? =
      first == UInt8(ascii: "[") ? .json : first == UInt8(ascii: "{") ? .jsonl : nil
    switch (named, found) {
    case (.jsonl, .json), (.csv, .some), (.tsv, .some):
      if let named, let found, declared == nil || named == .jsonl {
        throw contradiction(named, isDeclared: declared != nil, found, name: name)
      }
    case (.json, .jsonl) where declared != nil:
      throw contradiction(.json, isDeclared: true, .jsonl, name: name)
    case (.json, .jsonl):
      // Files of JSON Lines are often called .json.
      return .jsonl
    case (nil, nil):
      let known = DataFormat.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      throw DataError(
        .malformed,
        "the format cannot be told from the file's name or its first bytes; name it with `format:`,"
          + " one of \(known)", file: name)
    default: break
    }
    return named ?? found ?? .jsonl
  }

  private static func checkHDF5(
    _ named: DataFormat?, in window: ByteWindow, name: String
  ) throws(DataError) {
    if window.isPacked {
      throw DataError(
        .malformed, "an HDF5 file is not read out of gzip; unpack it (gunzip)", file: name)
    }
    if let named, named != .hdf5 {
      throw DataError(
        .malformed,
        "the file is to be \(named.rawValue), but it is an HDF5 file; rename it to .h5, or say"
          + " `format: hdf5`", file: name)
    }
    // An HDF5 file may begin with a block of the user's; the library looks for itself.
  }

  private static func contradiction(
    _ named: DataFormat, isDeclared: Bool, _ found: DataFormat, name: String
  ) -> DataError {
    let claim =
      isDeclared
      ? "the recipe says `format: \(named.rawValue)`" : "the name says \(named.rawValue)"
    let start = found == .json ? "a JSON list, `[`" : "a JSON object, `{`"
    return DataError(
      .malformed,
      "\(claim), but the file begins with \(start); say `format: \(found.rawValue)`", file: name)
  }
}
