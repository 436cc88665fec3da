/// How a file of rows is written.
public enum DataFormat: String, Sendable, CaseIterable {
  /// One JSON object a line.
  case jsonl
  /// One JSON list of objects.
  case json
  /// Comma-separated values (RFC 4180) with a header.
  case csv
  /// Tab-separated values, otherwise as `csv`.
  case tsv
  /// Plain text: a file is a row.
  case text
  /// HDF5: a dataset of texts or numbers a column.
  case hdf5

  /// The extensions of file names that stand for the format.
  var extensions: [String] {
    switch self {
    case .jsonl: ["jsonl", "ndjson"]
    case .json: ["json"]
    case .csv: ["csv"]
    case .tsv: ["tsv", "tab"]
    case .text: ["txt", "text", "md"]
    case .hdf5: ["h5", "hdf5"]
    }
  }

  /// What a file without rows should hold.
  var expectation: String {
    switch self {
    case .jsonl: "one JSON object a line"
    case .json: "a list of JSON objects, [{…}, {…}]"
    case .csv, .tsv: "rows below the header"
    case .text: "text"
    case .hdf5: "datasets with an element a row"
    }
  }

  /// The format that a file name stands for, nil if its extension is none of the known; the
  /// extension of gzip behind it does not count.
  init?(fileName: String) {
    var parts = fileName.lowercased().split(separator: ".", omittingEmptySubsequences: false)
    if parts.last == "gz" { parts.removeLast() }
    guard parts.count > 1, let last = parts.last,
      let format = Self.allCases.first(where: { $0.extensions.contains(String(last)) })
    else { return nil }
    self = format
  }
}
