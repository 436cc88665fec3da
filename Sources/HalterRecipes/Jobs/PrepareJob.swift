import HalterData
import HalterTraining

/// Tokenises the rows of a recipe ahead of its runs.
public struct PrepareJob {
  /// The training set, and the validation set where there is one.
  public let sets: [PreparedSet]

  /// Puts the rows of a recipe into the cache, where they are not there already.
  /// - Parameters:
  ///   - observer: told what is being done.
  ///   - shouldStop: asked now and then; true ends the work and leaves nothing half-written.
  /// - Throws: what keeps the model or the data from being read or the cache from being written,
  ///   and `PreparationInterrupted`.
  public init(
    _ loaded: LoadedRecipe, in place: Workplace, observer: any RunObserver,
    shouldStop: @escaping () -> Bool
  ) throws {
    try loaded.checkFiles()
    let data = try RecipeData(loaded, in: place, observer: observer, shouldStop: shouldStop)
    let train = try data.train()
    sets = [train] + (try data.validation(apartFrom: train).map { [$0] } ?? [])
  }
}
