import Foundation
import HalterData
import HalterModels
import HalterTokenizers
import HalterTraining

/// Shows the rows of a recipe as they would be trained.
public struct PreviewJob {
  /// A row, its text, and what it is made of.
  public struct Row: Sendable {
    /// Tokens and weights.
    public let row: TokenizedRow
    /// The same as text.
    public let text: RowText
  }

  /// What became of all the rows.
  public let statistics: DatasetStatistics
  /// The layouts of the sources, in order, as found or as named.
  public let layouts: [String]
  private let dataset: Dataset
  private let tokenizer: Tokenizer

  /// Reads the data of a recipe: the rows to learn from, or those for validation.
  /// - Parameter observer: told what is being done.
  /// - Throws: what keeps the model or the data from being read, and `DataError` if the validation
  ///   rows are wanted and the recipe has none.
  public init(
    _ loaded: LoadedRecipe, validation: Bool, in place: Workplace, observer: any RunObserver
  ) throws {
    try loaded.checkFiles()
    let data = try RecipeData(loaded, in: place, observer: observer)
    if validation, data.sources.validation == nil {
      throw DataError(
        .untrainable, "the recipe has no data.validation", file: loaded.file.lastPathComponent)
    }
    let train = try data.train()
    dataset = try (validation ? data.validation(apartFrom: train) : nil)?.dataset ?? train.dataset
    tokenizer = data.open.tokenizer
    statistics = dataset.statistics
    layouts = dataset.layouts
  }

  /// The rows from `first` on, at most `count`.
  /// - Throws: `FormatError` when the cache cannot be read any more.
  public func rows(from first: Int, count: Int) throws -> [Row] {
    let shown = min(count, max(0, dataset.count - first))
    return try (first..<first + shown).map { index in
      let row = try dataset.row(index)
      return Row(row: row, text: RowText(row, tokenizer: tokenizer))
    }
  }
}
