import Foundation
import HalterData
import HalterHub

/// The sources that a recipe names, as they are read.
struct RecipeSources {
  /// Where the rows to learn from are.
  let train: [DataSource]
  /// Where the rows to measure the loss on are; nil where the recipe names none.
  let validation: [DataSource]?
  /// How rows are recognised, and what becomes of those that stand there already.
  let deduplication: Deduplication
  /// Whether validation rows may be among those to learn from. Rows that are held out of the same
  /// sources are not: equal rows are on one side.
  let mayOverlap: Bool

  /// The sources of a recipe; standard input is copied to a file first.
  ///
  /// - Parameter stage: told what is being done.
  /// - Throws: `DataError` when standard input is named twice or cannot be copied.
  init(
    _ recipe: DataRecipe, in place: Workplace, stage: (String) throws -> Void
  ) throws {
    let input = try Self.copyOfStandardInput(recipe, in: place, stage: stage)
    func sources(_ recipes: [SourceRecipe], _ holdOut: RowPart.HoldOut = .none) -> [DataSource] {
      recipes.map { DataSource($0, holdOut, standardInput: input) }
    }
    deduplication = Deduplication(recipe.deduplicate)
    switch recipe.validation {
    case nil:
      train = sources(recipe.train)
      validation = nil
      mayOverlap = false
    case .sources(let others):
      train = sources(recipe.train)
      validation = sources(others)
      mayOverlap = true
    case .share(let share):
      train = sources(recipe.train, .without(share))
      validation = sources(recipe.train, .only(share))
      mayOverlap = deduplication == .near
    }
  }

  private static func copyOfStandardInput(
    _ recipe: DataRecipe, in place: Workplace, stage: (String) throws -> Void
  ) throws -> URL? {
    let sources = (recipe.train + (recipe.validation?.sources ?? [])).filter {
      $0.path.isStandardInput
    }
    if sources.isEmpty { return nil }
    if sources.count > 1 {
      throw DataError(
        .misfit, "\(sources.count) sources of the recipe are `-`; it can be read once only",
        file: StandardInput.name)
    }
    try stage("Copying \(StandardInput.name)")
    return try StandardInput.spool(
      into: place.models.root.appendingPathComponent("datasets/stdin"))
  }
}

extension DataSource {
  /// A source of a recipe.
  fileprivate init(_ recipe: SourceRecipe, _ holdOut: RowPart.HoldOut, standardInput: URL?) {
    let isInput = recipe.path.isStandardInput
    self.init(
      path: isInput ? standardInput?.path ?? "" : recipe.path.absolute,
      name: isInput ? StandardInput.name : recipe.path.text,
      format: DataFormat(recipe.format), layout: recipe.layout.rawValue,
      columns: recipe.columns?.names ?? [:],
      part: RowPart(
        start: recipe.split?.start ?? 0, end: recipe.split?.end ?? 1, holdOut: holdOut),
      limit: recipe.limit, weight: recipe.weight, share: recipe.share)
  }
}

extension DataFormat {
  fileprivate init?(_ recipe: SourceRecipe.Format) {
    switch recipe {
    case .auto: return nil
    case .jsonl: self = .jsonl
    case .json: self = .json
    case .csv: self = .csv
    case .tsv: self = .tsv
    case .text: self = .text
    case .hdf5: self = .hdf5
    }
  }
}

extension Deduplication {
  fileprivate init(_ recipe: DataRecipe.Deduplication) {
    switch recipe {
    case .none: self = .none
    case .exact: self = .exact
    case .near: self = .near
    }
  }
}
