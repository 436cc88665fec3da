import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterHub
import HalterModels
import HalterTokenizers
import HalterTraining

/// Writes a model with its adapter merged in as a directory that `transformers` loads.
public struct ExportJob {
  private let options: ModelSession.Options
  private let place: Workplace

  /// A job on a model and, usually, an adapter.
  public init(_ options: ModelSession.Options, in place: Workplace) {
    self.options = options
    self.place = place
  }

  /// What was trained in a run directory: its model and its finished adapter.
  /// - Throws: `FormatError` or `RecipeErrors` if the directory is no finished run.
  public static func options(
    ofRun directory: URL, checkpoint: String? = nil
  ) throws -> ModelSession.Options {
    let run = try RunDirectory(existing: directory)
    let recipe = try RecipeLoader.load(path: run.recipe.path).recipe
    let result = checkpoint.map { run.url.appending(path: "checkpoints/\($0)") } ?? run.result
    guard FileManager.default.fileExists(atPath: result.path) else {
      throw FormatError(
        .notFound, "does not exist",
        mend: "The run is not finished: go on with `halter run RECIPE --resume \(directory.path)`, "
          + "or name a checkpoint with --checkpoint best", path: result.path)
    }
    if recipe.adapter == nil { return ModelSession.Options(model: result.path) }
    let model: String =
      switch recipe.model.base {
      case .name(let name): recipe.model.revision.map { "\(name)@\($0)" } ?? name
      case .path(let path): path.absolute
      }
    // The adapter was trained on the quantised model, so that is what it is merged with.
    return ModelSession.Options(
      model: model, adapter: result.path, template: recipe.template,
      quantization: recipe.model.quantize?.quantization)
  }

  /// Writes the merged model; the directory appears complete or not at all.
  /// - Throws: `FormatError` if the output exists or cannot be written, and what keeps the model
  ///   from loading.
  public func merge(to output: URL) throws {
    if FileManager.default.fileExists(atPath: output.path) {
      throw FormatError(
        .fileExists, "exists already", mend: "Give another --output; nothing is overwritten",
        path: output.path)
    }
    if try isRewardModel {
      let session = try RewardSession(options, in: place)
      return try write(to: output) { directory in
        try HuggingFaceDirectory.write(
          session.model, from: session.checkpoint, tokenizer: session.tokenizer,
          template: session.template, to: directory)
      }
    }
    let session = try ModelSession(options, in: place)
    let jinja = try? session.renderer().template.jinja
    try write(to: output) { directory in
      try HuggingFaceDirectory.write(
        session.model, from: session.checkpoint, tokenizer: session.tokenizer, jinja: jinja,
        to: directory)
    }
  }

  private func write(to output: URL, _ body: (URL) throws -> Void) throws {
    try AtomicDirectory.makeDirectory(output.deletingLastPathComponent())
    try AtomicDirectory.write(to: output, body)
  }

  /// Whether what is exported scores texts rather than writes them.
  private var isRewardModel: Bool {
    get throws {
      if let adapter = options.adapter {
        let url = place.url(adapter)
        return try PEFTDirectory.isAdapter(url) && PEFTDirectory.isClassifier(url)
      }
      let url = try place.models.resolve(options.model, relativeTo: place.folder)
      return try Checkpoint(url).isRewardModel
    }
  }

  /// Copies the adapter alone, in PEFT's layout.
  /// - Throws: `FormatError` if there is no adapter or the output exists or cannot be written.
  public func copyAdapter(to output: URL) throws {
    guard let adapter = options.adapter.map({ place.url($0) }) else {
      throw FormatError(
        .invalidArgument, "there is no adapter to export", mend: "Add --merge for the whole model")
    }
    _ = try PEFTDirectory.configuration(in: adapter)
    try AtomicDirectory.makeDirectory(output.deletingLastPathComponent())
    try AtomicDirectory.write(to: output) { directory in
      for name in [
        PEFTDirectory.configurationName, PEFTDirectory.weightsName, "chat_template.jinja",
      ] {
        let source = adapter.appending(path: name)
        if FileManager.default.fileExists(atPath: source.path) {
          try FileManager.default.copyItem(at: source, to: directory.appending(path: name))
        }
      }
    }
  }
}
