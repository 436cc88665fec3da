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
  /// The way from messages to tokens.
  let renderer: PromptRenderer
  /// The way from examples to rows.
  let encoder: ExampleEncoder
  private let recipe: DataRecipe

  /// Opens the model of a recipe and settles the recipe's policies with it.
  /// - Throws: what keeps the model from being found or opened, and `TrainingError` if the recipe
  ///   asks for longer rows than the model can take.
  init(_ loaded: LoadedRecipe, in place: Workplace, stage: (String) throws -> Void) throws {
    let recipe = loaded.recipe
    let (url, name) = try Self.location(of: recipe.model, in: place)
    try stage("Opening \(name)")
    open = try OpenModel(url, templateName: recipe.template)
    modelName = name
    let trainOn: TrainOn = recipe.data.trainOn == .all ? .all : .assistant
    renderer = PromptRenderer(
      tokenizer: open.tokenizer, template: try open.template.get(), trainOn: trainOn)
    encoder = ExampleEncoder(
      renderer: renderer,
      length: try Self.lengthPolicy(
        recipe, context: open.checkpoint.configuration.contextLength))
    self.recipe = recipe.data
  }

  /// Where the rows to learn from are.
  var trainSources: [DataSource] { sources(recipe.train) }

  /// Where the rows to measure the loss on are; nil where the recipe names none.
  var validationSources: [DataSource]? { (recipe.validation?.sources).map(sources) }

  /// The rows to learn from.
  /// - Throws: `DataError` as `Dataset` does.
  func train() throws -> Dataset { try Dataset(reading: trainSources, encoder: encoder) }

  /// The rows to measure the loss on; nil where the recipe names none.
  /// - Throws: `DataError` as `Dataset` does.
  func validation() throws -> Dataset? {
    try validationSources.map { try Dataset(reading: $0, encoder: encoder) }
  }

  private func sources(_ recipes: [SourceRecipe]) -> [DataSource] {
    recipes.map {
      DataSource(
        url: $0.path.url, name: $0.path.text,
        layout: $0.layout == .auto ? nil : $0.layout.rawValue, limit: $0.limit)
    }
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
      maxLength: limit, onOverflow: recipe.data.onOverflow == .error ? .error : .drop)
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
