import Foundation
import HalterData
import HalterHub
import HalterModels
import HalterTokenizers
import HalterTraining

/// The data of a recipe, with what it is read by: the checkpoint's tokenizer and template, and the
/// recipe's policies.
struct RecipeData {
  /// The checkpoint, before its weights are loaded.
  let open: OpenModel
  /// The model as the recipe names it.
  let modelName: String
  /// The way from examples to rows.
  let encoder: ExampleEncoder
  private let loaded: LoadedRecipe
  private let place: Workplace
  private let observer: any RunObserver
  private let shouldStop: () -> Bool
  /// Where the rows are.
  let sources: RecipeSources

  /// Opens the model of a recipe and settles the recipe's policies with it.
  /// - Parameters:
  ///   - observer: told what is being done.
  ///   - shouldStop: asked while rows are read; true ends that.
  /// - Throws: what keeps the model from being found or opened, and `TrainingError` if the recipe
  ///   asks for longer rows than the model can take.
  init(
    _ loaded: LoadedRecipe, in place: Workplace, observer: any RunObserver,
    shouldStop: @escaping () -> Bool = { false }
  ) throws {
    let recipe = loaded.recipe
    let (url, name) = try Self.location(of: recipe.model, in: place)
    try observer.observe(.stage("Opening \(name)"))
    open = try OpenModel(url, templateName: recipe.template)
    modelName = name
    let tokenizer = open.tokenizer
    let length = try Self.lengthPolicy(
      recipe, context: open.checkpoint.configuration.contextLength)
    let fillInTheMiddle = try recipe.data.fim.map {
      try FillInTheMiddle(
        tokenizer, name: name, rate: $0.rate, spm: $0.spm, seed: UInt64(recipe.train.seed))
    }
    switch recipe.method {
    case .sft:
      encoder = ExampleEncoder(
        renderer: PromptRenderer(
          tokenizer: tokenizer, template: try open.template.get(),
          trainOn: TrainOn(recipe.data.trainOn)),
        length: length, fillInTheMiddle: fillInTheMiddle)
    case .pretrain:
      encoder = ExampleEncoder(
        pretraining: tokenizer, length: length, fillInTheMiddle: fillInTheMiddle)
    case .reward:
      encoder = ExampleEncoder(
        comparing: PromptRenderer(tokenizer: tokenizer, template: try open.template.get()),
        length: length)
    }
    sources = try RecipeSources(recipe.data, in: place) { try observer.observe(.stage($0)) }
    self.loaded = loaded
    self.place = place
    self.observer = observer
    self.shouldStop = shouldStop
  }

  /// The template that goes with what is trained: the one it is trained with, or the checkpoint's
  /// own where none is needed.
  var template: ChatTemplate? { encoder.renderer?.template ?? (try? open.template.get()) }

  /// The rows to learn from.
  /// - Throws: `DataError` as `Dataset` does, and where texts are to be rewritten and there is none;
  ///   `PreparationInterrupted`.
  func train() throws -> PreparedSet {
    let set = try open("train", sources.train)
    if loaded.recipe.data.fim != nil, set.dataset.statistics.kinds[.text] == nil {
      throw DataError(
        .misfit,
        "data.fim is given, and no row of data.train is plain text, which alone is rewritten for"
          + " filling in the middle; take it out")
    }
    return set
  }

  /// The rows to measure the loss on; nil where the recipe names none.
  /// - Parameter train: the rows to learn from, which are to be none of these.
  /// - Throws: `DataError` as `Dataset` does, and `PreparationInterrupted`.
  func validation(apartFrom train: PreparedSet) throws -> PreparedSet? {
    let others = sources.mayOverlap ? OtherRows(sources: sources.train, identity: train.key) : nil
    return try sources.validation.map { try open("validation", $0, apartFrom: others) }
  }

  private func open(
    _ name: String, _ sources: [DataSource], apartFrom others: OtherRows? = nil
  ) throws -> PreparedSet {
    try observer.observe(.stage("Reading the data"))
    return try PreparedSet(
      name, sources, apartFrom: others, encoder: encoder,
      deduplication: self.sources.deduplication, recipe: loaded.file, in: place.datasets,
      threads: loaded.recipe.train.threads ?? ProcessInfo.processInfo.activeProcessorCount,
      observer: observer, shouldStop: shouldStop)
  }

  private static func location(
    of model: ModelRecipe, in place: Workplace
  ) throws -> (url: URL, name: String) {
    switch model.base {
    case .path(let path): (path.url, path.text)
    case .name: (try place.models.resolve(model.fullName), model.fullName)
    }
  }

  private static func lengthPolicy(_ recipe: Recipe, context: Int) throws -> LengthPolicy {
    if let wanted = recipe.data.maxLength, wanted > context {
      throw TrainingError(
        .impossible, "data.max_length is \(wanted), the model's context holds \(context) tokens",
        mend: "Lower data.max_length")
    }
    let limit = recipe.data.maxLength ?? min(context, 2048, recipe.train.batchTokens ?? 2048)
    return LengthPolicy(
      maxLength: limit, onOverflow: LengthPolicy.Overflow(recipe.data.onOverflow))
  }
}

extension TrainOn {
  fileprivate init(_ recipe: DataRecipe.Trained) {
    switch recipe {
    case .assistant: self = .assistant
    case .last: self = .last
    case .completion: self = .completion
    case .all: self = .all
    }
  }
}

extension LengthPolicy.Overflow {
  fileprivate init(_ recipe: DataRecipe.Overflow) {
    switch recipe {
    case .drop: self = .drop
    case .error: self = .error
    case .truncateTurns: self = .truncateTurns
    case .truncateLeft: self = .truncateLeft
    case .split: self = .split
    }
  }
}

extension ModelRecipe {
  /// The model as a user names it to other commands.
  var fullName: String {
    switch base {
    case .path(let path): path.absolute
    case .name(let name): revision.map { "\(name)@\($0)" } ?? name
    }
  }
}
