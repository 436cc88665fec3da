/// What a recipe asks of the scores of a reward model.
public struct RewardRecipe: RecipeSection, Sendable, Equatable {
  /// What counts once.
  public enum Unit: String, RecipeChoice, CaseIterable, Sendable {
    /// Each prompt, however many comparisons there are of its answers.
    case prompts
    /// Each comparison.
    case comparisons
  }

  /// By how much a better answer is to score higher.
  public internal(set) var margin = MarginRecipe.none
  /// What counts once.
  public internal(set) var count = Unit.prompts
  /// The coefficient that keeps scores around 0.
  public internal(set) var centering = 0.0
  /// The share of preferences that are taken to be wrong.
  public internal(set) var labelSmoothing = 0.0
  /// The coefficient of the better answer's own loss.
  public internal(set) var languageModeling = 0.0
  /// The coefficient of telling safe answers from unsafe ones.
  public internal(set) var safety = 0.0

  static var fields: [RecipeField<RewardRecipe>] {
    [
      RecipeField(
        "margin", \.margin, .margin, methods: [.reward],
        "By how much a better answer is to score higher than a worse one."),
      RecipeField(
        "count", \.count, .choice(), methods: [.reward],
        "What counts once in the loss: each prompt, whose comparisons share its weight, or each "
          + "comparison."),
      RecipeField(
        "centering", \.centering, .number(.within(0, 1000)),
        aliases: ["center", "center_rewards_coefficient"], methods: [.reward],
        "The coefficient of the squared sum of a pair's scores, which keeps them around 0."),
      RecipeField(
        "label_smoothing", \.labelSmoothing, .number(.below(0.5, from: 0)), methods: [.reward],
        "The share of preferences that are taken to be the wrong way round."),
      RecipeField(
        "lm_loss", \.languageModeling, .number(.within(0, 1000)),
        aliases: ["lm_coefficient", "sft_loss"], methods: [.reward],
        "The coefficient of the better answer's cross-entropy, learnt beside the scores."),
      RecipeField(
        "safety_loss", \.safety, .number(.within(0, 1000)), methods: [.reward],
        "The coefficient of telling safe answers from unsafe ones, where rows have chosen_safe and "
          + "rejected_safe."),
    ]
  }
}

/// By how much a better answer is to score higher.
public enum MarginRecipe: Sendable, Equatable {
  /// By nothing in particular.
  case none
  /// By what the rows' column `margin` says.
  case column
  /// By what a table says for the rows' preference in words.
  case levels(MarginLevels)
}

/// The one key of a margin that goes by words.
struct MarginTable: RecipeSection, Sendable, Equatable {
  var levels = MarginLevels.large

  static var fields: [RecipeField<MarginTable>] {
    [
      RecipeField(
        "levels", \.levels, .marginLevels, methods: [.reward],
        "The margins of negligibly, slightly, plainly and significantly better answers, by the "
          + "rows' column preference.")
    ]
  }
}

extension RecipeCodec where Value == MarginRecipe {
  private static let words = "none, column (the rows' numbers), or {levels: …} (by their words)"

  static let margin: RecipeCodec = {
    let table = RecipeCodec<MarginTable>.section(words)
    return RecipeCodec(words, .either(.words(["none", "column"]), table.shape)) {
      switch $0 {
      case .none: .word("none")
      case .column: .word("column")
      case .levels(let levels): table.encode(MarginTable(levels: levels))
      }
    } decode: { node, decoding in
      switch node.content {
      case .scalar("none", _): return MarginRecipe.none
      case .scalar("column", _): return .column
      case .mapping: return table.read(node, &decoding).map { .levels($0.levels) }
      case .scalar(let text, _) where ["small", "large"].contains(text):
        decoding.expected(words, found: node, mend: "write {levels: \(text)}")
      default: decoding.expected(words, found: node)
      }
      return nil
    }
  }()
}

/// A margin for each level of preference (Touvron et al. 2023, table 27).
public enum MarginLevels: Sendable, Equatable {
  /// 0, 1/3, 2/3 and 1.
  case small
  /// 0, 1, 2 and 3.
  case large
  /// Others, of negligibly better to significantly better.
  case values([Double])

  /// The four margins, of negligibly better to significantly better.
  public var values: [Double] {
    switch self {
    case .small: [0, 1.0 / 3, 2.0 / 3, 1]
    case .large: [0, 1, 2, 3]
    case .values(let values): values
    }
  }
}

extension RecipeCodec where Value == MarginLevels {
  private static let words =
    "small (0, 1/3, 2/3, 1), large (0, 1, 2, 3), or a list of four margins, the least first"
  private static let bounds = RecipeBounds.within(0, 1000)

  static let marginLevels = RecipeCodec(
    words, .either([.words(["small", "large"]), .list(of: .number(bounds), 4...4)])
  ) {
    switch $0 {
    case .small: .word("small")
    case .large: .word("large")
    case .values(let values): .list(values.map { .word(numeral($0)) })
    }
  } decode: { node, decoding in
    switch node.content {
    case .scalar("small", _): return .small
    case .scalar("large", _): return .large
    case .list(let items) where items.count == 4:
      let values = items.compactMap { RecipeCodec<Double>.number(bounds).read($0, &decoding) }
      guard values.count == 4 else { return nil }
      if values != values.sorted() {
        decoding.expected(words, found: node, mend: "a clearer preference has no smaller margin")
        return nil
      }
      return .values(values)
    default:
      decoding.expected(words, found: node)
      return nil
    }
  }
}
