import Foundation
import HalterFormats

/// Tokenised rows in one HDF5 file, read row by row in any order in little memory.
///
/// The file is compressed, begins with a checksum of all of it, and can be read with any HDF5
/// library; `docs/FORMATS.md` says how. With N rows, T tokens, S spans and F files:
///
/// | dataset | type | shape | holds |
/// | --- | --- | --- | --- |
/// | `/tokens` | int32 | T | the token ids of all rows, one row after the other |
/// | `/rows/starts` | int64 | N + 1 | where each row starts in `/tokens`; the last is T |
/// | `/rows/file` | int32 | N | the file that each row came from, an index into `/files` |
/// | `/rows/line` | int64 | N | its line in the file, from 1 |
/// | `/rows/source` | int32 | N | the source of the recipe that it belongs to, from 0 |
/// | `/spans/starts` | int64 | N + 1 | where each row's spans start; the last is S |
/// | `/spans/begin`, `/spans/end` | int32 | S | a stretch of tokens of the row that carry loss |
/// | `/spans/weight` | float32 | S | the loss weight of each of them |
/// | `/files` | text | F | the files as the recipe names them |
///
/// A token in no span has the loss weight 0. A cache of answers that are compared has, in addition,
/// the datasets of `ComparisonColumns`. Attributes of the root: `format`, `version`, `key`, a
/// `key.NAME` for each part of the key, `statistics` and `layouts` (JSON), `content_hash`.
///
/// Threads may share a cache.
public final class TokenCache: Sendable {
  /// The file.
  public let url: URL
  /// What is known of the rows as a whole.
  public let summary: DatasetSummary
  /// A fingerprint of all tokens and weights in order.
  public let contentHash: UInt64

  private let files: [String]
  private let starts: [Int64]
  private let tokens: HDF5Column<Int32>
  private let rowFiles: HDF5Column<Int32>
  private let rowLines: HDF5Column<Int64>
  private let rowSources: HDF5Column<Int32>
  private let spanStarts: HDF5Column<Int64>
  private let spanBegins: HDF5Column<Int32>
  private let spanEnds: HDF5Column<Int32>
  private let spanWeights: HDF5Column<Float>
  private let comparisons: ComparisonColumns?

  /// How much of the tokens is kept decompressed, in bytes, and of every other dataset.
  private static let (tokenBytes, otherBytes) = (64 << 20, 4 << 20)

  /// Opens a cache: verifies every byte of the file, then reads where its rows start.
  /// - Parameters:
  ///   - url: the file.
  ///   - key: what it must have been made from; nil for anything.
  /// - Throws: `FormatError` when the file is missing, damaged, or not such a cache.
  public init(_ url: URL, key: TokenCacheKey? = nil) throws(FormatError) {
    let file = try HDF5Reader(url, isSealed: true)
    func attribute(_ name: String) throws(FormatError) -> String {
      if let text = try file.attribute(name) { return text }
      throw FormatError(
        .malformed, "the attribute is missing from this cache", path: url.path, tensor: name)
    }
    func other<T: HDF5Element>(_ name: String) throws(FormatError) -> HDF5Column<T> {
      try file.column(name, cacheBytes: Self.otherBytes)
    }
    guard try attribute(Name.format) == Name.formatText, try attribute(Name.version) == Name.current
    else {
      throw FormatError(
        .unsupported, "this is not a cache of tokenised rows of version \(Name.current)",
        path: url.path)
    }
    if let key {
      let found = try attribute(Name.key)
      guard found == key.digest else {
        throw FormatError(
          .mismatch, "the cache was made from something else: its key is \(found)", path: url.path)
      }
    }
    guard let hash = UInt64(try attribute(Name.contentHash), radix: 16) else {
      throw FormatError(
        .malformed, "this is not a hexadecimal number", path: url.path, tensor: Name.contentHash)
    }
    summary = DatasetSummary(
      statistics: try Self.decode(try attribute(Name.statistics), Name.statistics, url),
      layouts: try Self.decode(try attribute(Name.layouts), Name.layouts, url))
    contentHash = hash
    files = try file.texts(Name.files)
    starts = try file.read(Name.rowStarts)
    tokens = try file.column(Name.tokens, cacheBytes: Self.tokenBytes)
    rowFiles = try other(Name.rowFiles)
    rowLines = try other(Name.rowLines)
    rowSources = try other(Name.rowSources)
    spanStarts = try other(Name.spanStarts)
    spanBegins = try other(Name.spanBegins)
    spanEnds = try other(Name.spanEnds)
    spanWeights = try other(Name.spanWeights)
    comparisons = try ComparisonColumns(file, rowStarts: starts)
    self.url = url
    try check()
  }

  /// How many rows there are.
  public var count: Int { starts.count - 1 }

  /// The length of each row in tokens, [N].
  public var lengths: [Int32] {
    zip(starts, starts.dropFirst()).map { Int32($1 - $0) }
  }

  /// A row, counted from 0.
  /// - Throws: `FormatError` when the file cannot be read any more.
  public func row(_ index: Int) throws(FormatError) -> TokenizedRow {
    precondition((0..<count).contains(index), "TokenCache: row \(index) of \(count)")
    let tokens = try tokens.read(Int(starts[index])..<Int(starts[index + 1]))
    var weights = [Float](repeating: 0, count: tokens.count)
    let bounds = try spanStarts.read(index..<index + 2)
    guard 0 <= bounds[0], bounds[0] <= bounds[1], bounds[1] <= spanWeights.count else {
      throw malformed("row \(index) has the spans \(bounds[0]) to \(bounds[1])", Name.spanStarts)
    }
    let spans = Int(bounds[0])..<Int(bounds[1])
    let (begins, ends) = (try spanBegins.read(spans), try spanEnds.read(spans))
    for ((begin, end), weight) in zip(zip(begins, ends), try spanWeights.read(spans)) {
      guard 0 <= begin, begin <= end, Int(end) <= tokens.count else {
        throw malformed("row \(index) has a span from \(begin) to \(end)", Name.spanBegins)
      }
      for place in Int(begin)..<Int(end) { weights[place] = weight }
    }
    let file = Int(try rowFiles.value(at: index))
    guard files.indices.contains(file) else {
      throw malformed("row \(index) is of file \(file) of \(files.count)", Name.rowFiles)
    }
    return TokenizedRow(
      tokens: tokens, lossWeights: weights,
      location: RowLocation(
        file: files[file], line: Int(clamping: try rowLines.value(at: index))),
      comparison: comparison(ofRow: index))
  }

  /// The source that a row belongs to, counted from 0 in the order of the recipe.
  /// - Throws: `FormatError` when the file cannot be read any more.
  public func source(ofRow index: Int) throws(FormatError) -> Int {
    precondition((0..<count).contains(index), "TokenCache: row \(index) of \(count)")
    return Int(try rowSources.value(at: index))
  }

  /// What a row says of the answers that it holds; nil for a row that is one text.
  public func comparison(ofRow index: Int) -> AnswerComparison? { comparisons?[index] }

  // MARK: - Checks

  private func check() throws(FormatError) {
    guard let last = starts.last, starts[0] == 0, last == tokens.count,
      zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 && $1 - $0 <= Int32.max })
    else {
      throw malformed("the rows do not cover the \(tokens.count) tokens", Name.rowStarts)
    }
    let lengths = [
      (Name.rowFiles, rowFiles.count, count), (Name.rowLines, rowLines.count, count),
      (Name.rowSources, rowSources.count, count), (Name.spanStarts, spanStarts.count, count + 1),
      (Name.spanBegins, spanBegins.count, spanWeights.count),
      (Name.spanEnds, spanEnds.count, spanWeights.count),
    ]
    for (name, found, expected) in lengths where found != expected {
      throw malformed("the length is \(found), expected \(expected)", name)
    }
  }

  private func malformed(_ message: String, _ dataset: String) -> FormatError {
    FormatError(
      .malformed, message, mend: "Remove the file; it is made again when it is needed",
      path: url.path, tensor: dataset)
  }

  private static func decode<T: Decodable>(
    _ text: String, _ name: String, _ url: URL
  ) throws(FormatError) -> T {
    do {
      return try JSONDecoder().decode(T.self, from: Data(text.utf8))
    } catch {
      throw FormatError(
        .malformed, "the attribute is not what this version writes", path: url.path, tensor: name)
    }
  }
}

extension TokenCache {
  /// How the parts of the file are called.
  enum Name {
    static let tokens = "tokens"
    static let rowStarts = "rows/starts"
    static let rowFiles = "rows/file"
    static let rowLines = "rows/line"
    static let rowSources = "rows/source"
    static let spanStarts = "spans/starts"
    static let spanBegins = "spans/begin"
    static let spanEnds = "spans/end"
    static let spanWeights = "spans/weight"
    static let files = "files"

    static let format = "format"
    static let formatText = "halter token cache"
    static let version = "version"
    static let current = "1"
    static let key = "key"
    static let statistics = "statistics"
    static let layouts = "layouts"
    static let contentHash = "content_hash"
  }
}
