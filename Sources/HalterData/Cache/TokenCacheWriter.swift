import Foundation
import HalterFormats

/// Writes the rows of a cache one after the other, in memory that does not grow with them.
public final class TokenCacheWriter {
  private let file: HDF5Writer
  private let tokens: HDF5GrowingDataset<Int32>
  private let rowStarts: HDF5GrowingDataset<Int64>
  private let rowFiles: HDF5GrowingDataset<Int32>
  private let rowLines: HDF5GrowingDataset<Int64>
  private let rowSources: HDF5GrowingDataset<Int32>
  private let spanStarts: HDF5GrowingDataset<Int64>
  private let spanBegins: HDF5GrowingDataset<Int32>
  private let spanEnds: HDF5GrowingDataset<Int32>
  private let spanWeights: HDF5GrowingDataset<Float>
  private var comparisons: ComparisonWriter?
  private var files: [String] = []
  private var fileNumbers: [String: Int32] = [:]
  private var hash = ContentHash()

  /// Tokens that are compressed together. A row of some hundred tokens is then read by
  /// decompressing one chunk as a rule, wherever it is.
  private static let tokenChunk = 2048

  private init(_ file: HDF5Writer) throws(FormatError) {
    typealias Name = TokenCache.Name
    self.file = file
    tokens = try file.makeGrowing(Name.tokens, chunk: Self.tokenChunk)
    rowStarts = try file.makeGrowing(Name.rowStarts)
    rowFiles = try file.makeGrowing(Name.rowFiles)
    rowLines = try file.makeGrowing(Name.rowLines)
    rowSources = try file.makeGrowing(Name.rowSources)
    spanStarts = try file.makeGrowing(Name.spanStarts)
    spanBegins = try file.makeGrowing(Name.spanBegins)
    spanEnds = try file.makeGrowing(Name.spanEnds)
    spanWeights = try file.makeGrowing(Name.spanWeights)
  }

  /// Appends a row.
  /// - Parameter source: the source that it belongs to, counted from 0 in the order of the recipe.
  /// - Throws: `FormatError` when the disk refuses.
  public func append(_ row: TokenizedRow, source: Int) throws(FormatError) {
    hash.add(row)
    try rowStarts.append(Int64(tokens.count))
    try tokens.append(contentsOf: row.tokens)
    try rowFiles.append(number(of: row.location.file))
    try rowLines.append(Int64(row.location.line))
    try rowSources.append(Int32(truncatingIfNeeded: source))
    try spanStarts.append(Int64(spanWeights.count))
    try appendSpans(of: row.lossWeights)
    guard let comparison = row.comparison else { return }
    if comparisons == nil { comparisons = try ComparisonWriter(file) }
    try comparisons?.append(comparison)
  }

  /// Stretches of one weight other than 0.
  private func appendSpans(of weights: [Float]) throws(FormatError) {
    var begin = 0
    while begin < weights.count {
      let weight = weights[begin]
      var end = begin + 1
      while end < weights.count, weights[end] == weight { end += 1 }
      if weight != 0 {
        try spanBegins.append(Int32(begin))
        try spanEnds.append(Int32(end))
        try spanWeights.append(weight)
      }
      begin = end
    }
  }

  private func number(of name: String) -> Int32 {
    if let number = fileNumbers[name] { return number }
    let number = Int32(files.count)
    files.append(name)
    fileNumbers[name] = number
    return number
  }

  private func finish(_ summary: DatasetSummary, key: TokenCacheKey) throws {
    typealias Name = TokenCache.Name
    try rowStarts.append(Int64(tokens.count))
    try spanStarts.append(Int64(spanWeights.count))
    try comparisons?.finish()
    try file.write(files, to: Name.files)
    try file.setAttribute(Name.formatText, for: Name.format)
    try file.setAttribute(Name.current, for: Name.version)
    try file.setAttribute(key.digest, for: Name.key)
    for part in key.parts {
      try file.setAttribute(part.value, for: "\(Name.key).\(part.name)")
    }
    try file.setAttribute(json(summary.statistics), for: Name.statistics)
    try file.setAttribute(json(summary.layouts), for: Name.layouts)
    try file.setAttribute(String(hash.value, radix: 16), for: Name.contentHash)
  }

  private func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

extension TokenCacheWriter {
  /// Writes a cache at `url`, in the place of what is there: it appears whole, or not at all.
  /// - Parameters:
  ///   - key: what the rows are made from.
  ///   - body: appends the rows and says what is known of them in the end.
  /// - Throws: what `body` throws, or `FormatError` when the disk refuses.
  public static func write(
    to url: URL, key: TokenCacheKey, _ body: (TokenCacheWriter) throws -> DatasetSummary
  ) throws {
    try HDF5Writer.write(to: url, overwrite: true, isSealed: true) { file in
      let writer = try TokenCacheWriter(file)
      try writer.finish(try body(writer), key: key)
    }
  }
}
