import Foundation
import HalterFormats

/// What the rows of a cache say of the answers that they hold, as far as they hold several. With N
/// rows and A answers in all:
///
/// | dataset | type | shape | holds |
/// | --- | --- | --- | --- |
/// | `/answers/starts` | int64 | N + 1 | where each row's answers start in the two next; the last is A |
/// | `/answers/length` | int32 | A | the tokens of the prompt with each answer, the best first |
/// | `/answers/safe` | int32 | A | 1 for a safe answer, 0 for an unsafe one, −1 where nothing is known |
/// | `/rows/prompt_length` | int32 | N | the tokens of the prompt, with which all of them begin |
/// | `/rows/prompt` | int64 | N | stands for the prompt: equal for equal prompts |
/// | `/rows/margin` | float32 | N | by how much the best is preferred; NaN where the row does not say |
/// | `/rows/level` | int32 | N | the same in words, 0 for negligibly to 3 for significantly; −1 for none |
///
/// They are kept in memory: they are a few bytes a row.
struct ComparisonColumns: Sendable {
  enum Name {
    static let starts = "answers/starts"
    static let lengths = "answers/length"
    static let safe = "answers/safe"
    static let promptLengths = "rows/prompt_length"
    static let prompts = "rows/prompt"
    static let margins = "rows/margin"
    static let levels = "rows/level"
  }

  private let starts: [Int64]
  private let lengths: [Int32]
  private let safe: [Int32]
  private let promptLengths: [Int32]
  private let prompts: [Int64]
  private let margins: [Float]
  private let levels: [Int32]

  /// The columns of a file; nil where it has none.
  /// - Parameter rowStarts: where each row starts among all tokens, and where the last ends.
  /// - Throws: `FormatError` when they do not belong to the rows.
  init?(_ file: HDF5Reader, rowStarts: [Int64]) throws(FormatError) {
    guard file.datasets.contains(where: { $0.name == Name.starts }) else { return nil }
    starts = try file.read(Name.starts)
    lengths = try file.read(Name.lengths)
    safe = try file.read(Name.safe)
    promptLengths = try file.read(Name.promptLengths)
    prompts = try file.read(Name.prompts)
    margins = try file.read(Name.margins)
    levels = try file.read(Name.levels)
    guard isSound(rowStarts) else {
      throw FormatError(
        .malformed, "the answers do not cover the rows",
        mend: "Remove the file; it is made again when it is needed", path: file.url.path,
        tensor: Name.lengths)
    }
  }

  private func isSound(_ rowStarts: [Int64]) -> Bool {
    let rows = rowStarts.count - 1
    guard starts.count == rows + 1, starts.first == 0, starts.last == Int64(lengths.count),
      safe.count == lengths.count,
      [promptLengths.count, prompts.count, margins.count, levels.count].allSatisfy({ $0 == rows })
    else { return false }
    return (0..<rows).allSatisfy { row in
      let (start, end) = (starts[row], starts[row + 1])
      guard 0 <= start, start + 2 <= end, end <= lengths.count else { return false }
      let own = lengths[Int(start)..<Int(end)]
      return own.allSatisfy { $0 > 0 && $0 >= promptLengths[row] } && promptLengths[row] >= 0
        && own.reduce(0, { $0 + Int64($1) }) == rowStarts[row + 1] - rowStarts[row]
    }
  }

  /// What a row says of its answers.
  subscript(row: Int) -> AnswerComparison {
    let answers = Int(starts[row])..<Int(starts[row + 1])
    let labels = safe[answers].map { $0 < 0 ? nil : $0 == 1 }
    return AnswerComparison(
      lengths: Array(lengths[answers]), promptLength: promptLengths[row],
      prompt: UInt64(bitPattern: prompts[row]), margin: margins[row].isNaN ? nil : margins[row],
      level: PreferenceLevel(rawValue: Int(levels[row])),
      isSafe: labels.contains { $0 != nil } ? labels : [])
  }
}

/// Writes `ComparisonColumns`, row by row.
final class ComparisonWriter {
  private typealias Name = ComparisonColumns.Name

  private let starts: HDF5GrowingDataset<Int64>
  private let lengths: HDF5GrowingDataset<Int32>
  private let safe: HDF5GrowingDataset<Int32>
  private let promptLengths: HDF5GrowingDataset<Int32>
  private let prompts: HDF5GrowingDataset<Int64>
  private let margins: HDF5GrowingDataset<Float>
  private let levels: HDF5GrowingDataset<Int32>

  init(_ file: HDF5Writer) throws(FormatError) {
    starts = try file.makeGrowing(Name.starts)
    lengths = try file.makeGrowing(Name.lengths)
    safe = try file.makeGrowing(Name.safe)
    promptLengths = try file.makeGrowing(Name.promptLengths)
    prompts = try file.makeGrowing(Name.prompts)
    margins = try file.makeGrowing(Name.margins)
    levels = try file.makeGrowing(Name.levels)
  }

  func append(_ comparison: AnswerComparison) throws(FormatError) {
    try starts.append(Int64(lengths.count))
    try lengths.append(contentsOf: comparison.lengths)
    let labels = comparison.isSafe.isEmpty ? comparison.lengths.map { _ in nil } : comparison.isSafe
    try safe.append(contentsOf: labels.map { $0.map { $0 ? 1 : 0 } ?? -1 })
    try promptLengths.append(comparison.promptLength)
    try prompts.append(Int64(bitPattern: comparison.prompt))
    try margins.append(comparison.margin ?? .nan)
    try levels.append(comparison.level.map { Int32($0.rawValue) } ?? -1)
  }

  func finish() throws(FormatError) { try starts.append(Int64(lengths.count)) }
}
