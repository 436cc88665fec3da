import HalterData
import HalterTraining

/// Counts what the data of a recipe is made of: rows, lengths, tokens, scripts and languages.
public struct DataStatsJob {
  /// The figures of one set.
  public struct Figures: Sendable {
    /// What the recipe calls the set: `train` or `validation`.
    public let name: String
    /// The layouts of the sources, in order, as found or as named.
    public let layouts: [String]
    /// What became of the rows.
    public let statistics: DatasetStatistics
    /// What the texts are made of.
    public let profile: TextProfile
    private let lengths: [Int]

    init(_ set: PreparedSet, profile: TextProfile) {
      name = set.name
      layouts = set.dataset.layouts
      statistics = set.dataset.statistics
      self.profile = profile
      lengths = set.dataset.lengths.sorted()
    }

    /// The length in tokens that a share of the rows does not exceed; 0 without rows.
    public func length(atShare share: Double) -> Int {
      guard let last = lengths.indices.last else { return 0 }
      return lengths[min(last, Int((share * Double(last)).rounded()))]
    }
  }

  /// The figures of the training set, and of the validation set where there is one.
  public let sets: [Figures]

  /// Reads the data of a recipe.
  /// - Parameter observer: told what is being done.
  /// - Throws: what keeps the model or the data from being read.
  public init(
    _ loaded: LoadedRecipe, in place: Workplace, observer: any RunObserver
  ) throws {
    try loaded.checkFiles()
    let data = try RecipeData(loaded, in: place, observer: observer)
    let train = try data.train()
    var sets = [Figures(train, profile: try Self.profile(data.sources.train))]
    if let sources = data.sources.validation,
      let set = try data.validation(apartFrom: train)
    {
      sets.append(Figures(set, profile: try Self.profile(sources)))
    }
    self.sets = sets
  }

  private static func profile(_ sources: [DataSource]) throws -> TextProfile {
    var profile = TextProfile()
    for source in sources {
      var examples = try ExampleReader(source)
      while let example = try examples.next() { profile.add(example) }
    }
    return profile
  }
}
