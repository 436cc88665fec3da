/// A run of a sweep as `sweep.jsonl` has it: what it had that others had not, and what came of it.
public struct SweepEntry: Codable, Sendable, Equatable {
  /// A key of the recipe with the value that the run has.
  public struct Setting: Codable, Sendable, Equatable {
    /// The path of the key.
    public var key: String
    /// The value as it was typed.
    public var value: String

    /// A setting from its parts.
    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// How a run ended.
  public enum Ending: String, Codable, Sendable {
    /// All its steps are done.
    case finished
    /// It could not be trained.
    case failed
  }

  /// The run's directory in that of the sweep.
  public var run: String
  /// What is varied, in the order of the command line.
  public var settings: [Setting]
  /// How it ended.
  public var ending: Ending
  /// Why it failed; nil if it did not.
  public var reason: String?
  /// Steps taken.
  public var steps: Int
  /// The validation loss before the first step, in nats; nil without validation rows.
  public var firstLoss: Double?
  /// The validation loss at the end.
  public var lastLoss: Double?
  /// The lowest validation loss after any step.
  public var bestLoss: Double?
  /// The step after which it was measured.
  public var bestStep: Int?
  /// The mean training loss of the last steps; nil if none was taken.
  public var trainingLoss: Double?
  /// Seconds spent in steps.
  public var seconds: Double
  /// Tokens that went through the model in steps.
  public var tokens: Int
  /// The hash of the run's recipe without its output.
  public var recipe: String

  /// The entry of a run that has ended.
  ///
  /// - Parameters:
  ///   - record: what the run's files say.
  ///   - reason: why it failed; nil for a run that finished.
  public init(
    run: String, settings: [Setting], record: RunRecord, reason: String? = nil, recipe: String
  ) {
    self.run = run
    self.settings = settings
    self.reason = reason
    self.recipe = recipe
    ending = reason == nil ? .finished : .failed
    let taken = record.steps.filter { !$0.skipped }
    steps = record.steps.last?.step ?? 0
    seconds = record.steps.reduce(0) { $0 + $1.seconds }
    tokens = record.steps.reduce(0) { $0 + $1.tokens }
    let recent = taken.suffix(Self.window).map(\.loss).filter(\.isFinite)
    trainingLoss = recent.isEmpty ? nil : recent.reduce(0, +) / Double(recent.count)
    let measured = record.evaluations.filter(\.loss.isFinite)
    firstLoss = measured.first { $0.step == 0 }?.loss
    let after = measured.filter { $0.step > 0 }
    lastLoss = after.last?.loss
    let best = after.min { $0.loss < $1.loss }
    (bestLoss, bestStep) = (best?.loss, best?.step)
  }

  /// Over how many steps the training loss is taken.
  private static let window = 10

  /// The number by which runs are compared, lower being better: the best validation loss, or the
  /// training loss where nothing was validated. Nil for a run that failed.
  public var score: Double? { ending == .finished ? bestLoss ?? trainingLoss : nil }
}

extension [SweepEntry] {
  /// The entry with the lowest score; the first of several.
  var best: SweepEntry? {
    filter { $0.score != nil }.min { ($0.score ?? .infinity) < ($1.score ?? .infinity) }
  }

  /// Whether any run was measured on validation rows.
  var isValidated: Bool { contains { $0.bestLoss != nil } }

  /// The keys that are varied, with the shortest names that tell them apart.
  var keys: [(path: String, name: String)] {
    let paths = first?.settings.map(\.key) ?? []
    let names = paths.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
    return zip(paths, names).map { path, name in
      (path, names.count { $0 == name } == 1 ? name : path)
    }
  }
}
