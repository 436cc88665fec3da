import Foundation

/// A model by one word: a run directory, which names its own model and adapter, or a model as
/// `--model` takes it.
public enum ModelPlace {
  /// What the model that a word names is opened with.
  /// - Throws: what keeps a run directory from being read; `FormatError` if the run is unfinished.
  public static func options(
    _ word: String, in place: Workplace
  ) throws -> ModelSession.Options {
    let url = place.url(word)
    let isRun = FileManager.default.fileExists(atPath: url.appending(path: "recipe.yaml").path)
    return isRun ? try ExportJob.options(ofRun: url) : ModelSession.Options(model: word)
  }
}
