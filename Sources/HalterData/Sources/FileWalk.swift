/// Streams the records of some files, one file after the other.
struct FileWalk {
  /// How many bytes the files have.
  let byteCount: Int
  /// How many of them have been read.
  var bytesRead: Int { bytesBehind + (current?.bytesRead ?? 0) }

  private let files: [SourceFile]
  private let declared: DataFormat?
  private var opened = 0
  private var format = DataFormat.jsonl
  private var current: (any RecordReader)?
  private var bytesBehind = 0

  /// A walk over files; `declared` is the format of all of them, nil to tell that of each.
  init(_ files: [SourceFile], declared: DataFormat?) {
    self.files = files
    self.declared = declared
    byteCount = files.reduce(0) { $0 + $1.size }
  }

  /// The next record, or nil at the end of the last file.
  ///
  /// - Throws: `DataError` as opening and reading a file does.
  mutating func next() throws(DataError) -> RawRecord? {
    while true {
      if let record = try current?.next() { return record }
      bytesBehind += current?.bytesRead ?? 0
      current = nil
      guard opened < files.count else { return nil }
      current = try open(files[opened])
      opened += 1
    }
  }

  /// The fault that no file has a row.
  func nothing(in source: String) -> DataError {
    let found =
      files.count == 1 ? "the file is empty" : "all \(files.count) files are empty"
    return DataError(
      .untrainable, "\(found): expected \(format.expectation)",
      file: files.count == 1 ? files[0].name : source)
  }

  private mutating func open(_ file: SourceFile) throws(DataError) -> any RecordReader {
    var window = try ByteWindow(url: file.url, name: file.name)
    format = try FormatDetection.format(of: file.name, declared: declared, in: &window)
    switch format {
    case .jsonl: return JSONLines(window)
    case .json: return JSONList(window)
    case .csv: return try DelimitedText(window, separator: UInt8(ascii: ","))
    case .tsv: return try DelimitedText(window, separator: UInt8(ascii: "\t"))
    case .text: return PlainText(window)
    case .hdf5: return try HDF5Rows(file)
    }
  }
}
