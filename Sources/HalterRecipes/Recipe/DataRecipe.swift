/// The data of a recipe.
public struct DataRecipe: RecipeSection, Sendable, Equatable {
  /// What to do with a row that is longer than `maxLength`.
  public enum Overflow: String, RecipeChoice, CaseIterable, Sendable {
    /// Leave the row out and count it.
    case drop
    /// Refuse the data.
    case error
    /// Leave out the oldest turns until the rest fits.
    case truncateTurns = "truncate_turns"
    /// Leave out the oldest tokens, never a part of a header.
    case truncateLeft = "truncate_left"
    /// Cut a text into rows that fit.
    case split
  }

  /// The tokens that carry loss.
  public enum Trained: String, RecipeChoice, CaseIterable, Sendable {
    /// What the assistant says, with the token that ends each turn.
    case assistant
    /// The last answer only.
    case last
    /// All that follows the first prompt's end: the completion.
    case completion
    /// Every token.
    case all
  }

  /// The rows that are left out because they stand there already.
  public enum Deduplication: String, RecipeChoice, CaseIterable, Sendable {
    /// None.
    case none
    /// Rows that are equal.
    case exact
    /// Rows that are nearly equal (MinHash, Broder 1997).
    case near
  }

  /// Where the training rows are, in order.
  public internal(set) var train: [SourceRecipe] = []
  /// Where the validation rows are; `nil` for none.
  public internal(set) var validation: ValidationRecipe?
  /// The longest row in tokens; `nil` for the model's context, at most 2048 and at most a batch.
  public internal(set) var maxLength: Int?
  /// What to do with a longer row.
  public internal(set) var onOverflow = Overflow.drop
  /// The tokens that carry loss.
  public internal(set) var trainOn = Trained.assistant
  /// The rows that are left out because they stand there already.
  public internal(set) var deduplicate = Deduplication.none
  /// The fill-in-the-middle transform of texts; `nil` for none.
  public internal(set) var fim: FIMRecipe?
}

/// Where the validation rows are.
public enum ValidationRecipe: Sendable, Equatable {
  /// In sources of their own.
  case sources([SourceRecipe])
  /// They are this share of the rows of `train`, which are then not learnt.
  case share(Double)

  /// The sources of their own, if any.
  public var sources: [SourceRecipe] {
    if case .sources(let sources) = self { return sources }
    return []
  }
}

/// The fill-in-the-middle transform of texts (Bavarian et al. 2022; Roziere et al. 2023).
public struct FIMRecipe: RecipeSection, Sendable, Equatable {
  /// The share of texts that are transformed.
  public internal(set) var rate = 0.5
  /// Of those, the share in which the suffix comes first.
  public internal(set) var spm = 0.5
}

/// One source of rows.
public struct SourceRecipe: RecipeSection, Sendable, Equatable {
  /// How a row is laid out.
  public enum Layout: String, RecipeChoice, CaseIterable, Sendable {
    /// Told from the first row.
    case auto
    /// `{"messages": [{"role", "content"}]}`.
    case messages
    /// `{"conversations": [{"from", "value"}]}`.
    case sharegpt
    /// `{"instruction", "input", "output"}`.
    case alpaca
    /// `{"prompt", "completion"}`.
    case promptCompletion = "prompt-completion"
    /// `{"text"}`.
    case text
    /// `{"prompt", "chosen", "rejected"}`.
    case preference
    /// `{"chosen", "rejected"}` as transcripts of Human and Assistant.
    case hhRLHF = "hh-rlhf"
    /// `{"prompt", "responses"}`, the best first.
    case ranking
    /// `{"prompt", "completion", "label"}`.
    case kto
    /// `{"prompt"}`.
    case prompts
  }

  /// How a file is written.
  public enum Format: String, RecipeChoice, CaseIterable, Sendable {
    /// Told from the file's name.
    case auto
    /// One JSON object a line.
    case jsonl
    /// One JSON list of objects.
    case json
    /// Comma-separated values with a header.
    case csv
    /// Tab-separated values with a header.
    case tsv
    /// Plain text: a file is a row.
    case text
    /// HDF5: a dataset of strings or numbers a column.
    case hdf5
  }

  /// The file, a pattern of files, a directory, or `-`.
  public internal(set) var path = RecipePath(text: "", absolute: "")
  /// How the file is written.
  public internal(set) var format = Format.auto
  /// How a row is laid out.
  public internal(set) var layout = Layout.auto
  /// The file's names of the layout's columns; `nil` where they are the layout's own.
  public internal(set) var columns: ColumnsRecipe?
  /// Only the rows in this part of the file, by their content; `nil` for all.
  public internal(set) var split: ShareRange?
  /// Only the first so many rows; `nil` for all.
  public internal(set) var limit: Int?
  /// How often an epoch draws each row.
  public internal(set) var weight = 1.0
  /// The share of an epoch's rows that come from here; `nil` to go by the weight.
  public internal(set) var share: Double?
}

/// A part of a source by content: a row belongs to it whatever its place.
public struct ShareRange: Sendable, Equatable {
  /// Where the part starts, from 0.
  public let start: Double
  /// Where it ends, at most 1.
  public let end: Double
}

/// The file's names of the columns of a layout; `nil` for the layout's own name.
public struct ColumnsRecipe: RecipeSection, Sendable, Equatable {
  /// The list of messages.
  public internal(set) var messages: String?
  /// The list of turns of ShareGPT.
  public internal(set) var conversations: String?
  /// The prompt.
  public internal(set) var prompt: String?
  /// The answer.
  public internal(set) var completion: String?
  /// The plain text.
  public internal(set) var text: String?
  /// Alpaca's instruction.
  public internal(set) var instruction: String?
  /// Alpaca's input.
  public internal(set) var input: String?
  /// Alpaca's output.
  public internal(set) var output: String?
  /// The system text.
  public internal(set) var system: String?
  /// Earlier turns.
  public internal(set) var history: String?
  /// The preferred answer.
  public internal(set) var chosen: String?
  /// The other answer.
  public internal(set) var rejected: String?
  /// By how much it is preferred.
  public internal(set) var margin: String?
  /// The same in words.
  public internal(set) var preference: String?
  /// Whether the preferred answer is safe.
  public internal(set) var chosenSafe: String?
  /// Whether the other answer is safe.
  public internal(set) var rejectedSafe: String?
  /// The answers to a prompt, the best first.
  public internal(set) var responses: String?
  /// What each of them is worth.
  public internal(set) var scores: String?
  /// Whether the answer is good.
  public internal(set) var label: String?
  /// The tools that the assistant may call.
  public internal(set) var tools: String?

  /// The columns that have another name: the layout's name to the file's.
  public var names: [String: String] {
    var names: [String: String] = [:]
    for field in Self.fields {
      if case .text(let name) = field.encode(self) { names[field.entry.name] = name }
    }
    return names
  }
}
