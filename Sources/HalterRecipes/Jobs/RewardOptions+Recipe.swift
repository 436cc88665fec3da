import HalterNN
import HalterTraining

extension RewardOptions {
  /// The options that a recipe asks for.
  init(_ recipe: RewardRecipe) {
    let margin: Margin =
      switch recipe.margin {
      case .none: .none
      case .column: .column
      case .levels(let levels): .levels(levels.values)
      }
    self.init(
      margin: margin,
      objective: PreferenceObjective(
        labelSmoothing: recipe.labelSmoothing, centering: recipe.centering,
        safety: recipe.safety),
      languageModeling: recipe.languageModeling, countsPromptsOnce: recipe.count == .prompts)
  }
}
