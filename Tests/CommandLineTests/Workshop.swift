import Foundation
import Testing

/// A folder of its own for a test, with a cache of models of its own, in which it uses the command
/// as a person would. It goes away with its owner.
final class Workshop {
  let folder: URL
  var environment: [String: String]

  init() throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "halter-work-\(UUID().uuidString)").resolvingSymlinksInPath()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    environment = [
      "HALTER_HOME": folder.appending(path: "home").path,
      "HOME": folder.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
      // A crash shall end at once, without a minute of symbol tables.
      "SWIFT_BACKTRACE": "enable=no",
    ]
    if let path = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] {
      environment["LD_LIBRARY_PATH"] = path
    }
    try write(Self.rows(Self.questions[0..<8]), to: "train.jsonl")
    try write(Self.rows(Self.questions[8...]), to: "validation.jsonl")
    try write(Self.recipe, to: "tiny.yaml")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  static let questions = [
    ("What is a recipe?", "A file that says what to train."), ("What is LoRA?", "Small factors."),
    ("Who are you?", "I am Halter."), ("Say hi.", "Hi!"), ("Why?", "Because it works."),
    ("Is it fast?", "Yes."), ("One?", "Two, three and four."), ("How?", "With care."),
    ("When?", "Now."), ("Where?", "Here and there."),
  ]

  static func rows(_ pairs: some Sequence<(String, String)>) -> String {
    pairs.map {
      #"{"messages": [{"role": "user", "content": "\#($0.0)"}, "#
        + #"{"role": "assistant", "content": "\#($0.1)"}]}"# + "\n"
    }.joined()
  }

  /// Four steps of the tiny model on eight rows.
  static let recipe = """
    method: sft
    model: {base: \(Repository.tiny.path), init: random}
    data: {train: train.jsonl, validation: validation.jsonl}
    train: {steps: 4, batch_tokens: 64, learning_rate: 1e-2, warmup: 1, threads: 1}
    eval: {every: 2, samples: ["Why?"], max_new_tokens: 4}
    output: run

    """

  /// An adapter on a directory `base`.
  static let adapterRecipe = """
    method: sft
    model: base
    adapter: {type: lora, rank: 4, alpha: 8, dropout: 0.1}
    data: {train: train.jsonl, validation: validation.jsonl}
    train: {steps: 4, batch_tokens: 64, learning_rate: 1e-2, warmup: 1, threads: 1}
    eval: {every: 2}
    output: adapted

    """

  // MARK: - Files

  func url(_ path: String) -> URL { folder.appending(path: path) }

  func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: url(path))
  }

  func read(_ path: String) throws -> String {
    try String(contentsOf: url(path), encoding: .utf8)
  }

  func bytes(_ path: String) throws -> Data { try Data(contentsOf: url(path)) }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: url(path).path) }

  /// The names in a directory, hidden ones too, sorted; empty if there is none.
  func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: url(path).path)) ?? []).sorted()
  }

  /// Changes the recipe `tiny.yaml` in one place.
  func recipe(replacing old: String, by new: String) throws {
    let text = try read("tiny.yaml")
    try #require(text.contains(old))
    try write(text.replacingOccurrences(of: old, with: new), to: "tiny.yaml")
  }

  // MARK: - Commands

  /// Starts a command and does not wait for it.
  func start(
    _ arguments: String..., input: String = "", out: String? = nil, err: String? = nil
  ) throws -> CommandRun {
    try CommandRun(
      arguments, in: folder, environment: environment, input: input, out: out, err: err)
  }

  /// Runs a command to its end.
  func halter(
    _ arguments: String..., input: String = "", out: String? = nil, err: String? = nil
  ) throws -> CommandResult {
    try CommandRun(
      arguments, in: folder, environment: environment, input: input, out: out, err: err
    ).wait()
  }

  /// Expects a command to end with an exit code and one clear message on stderr that holds some
  /// words, and nothing on stdout.
  @discardableResult
  func fails(
    _ code: Int32, _ arguments: String..., saying words: [String],
    at location: SourceLocation = #_sourceLocation
  ) throws -> CommandResult {
    let result = try CommandRun(arguments, in: folder, environment: environment).wait()
    #expect(result.code == code, "\(result.err)", sourceLocation: location)
    #expect(!result.isKilled, "\(result.err)", sourceLocation: location)
    #expect(result.out == "", sourceLocation: location)
    for word in words {
      #expect(
        result.err.contains(word), "\"\(word)\" is not in: \(result.err)",
        sourceLocation: location)
    }
    #expect(!result.err.contains("internal error"), sourceLocation: location)
    return result
  }

  /// Expects a command to succeed.
  @discardableResult
  func succeeds(
    _ arguments: String..., at location: SourceLocation = #_sourceLocation
  ) throws -> CommandResult {
    let result = try CommandRun(arguments, in: folder, environment: environment).wait()
    #expect(result.code == 0, "\(result.err)", sourceLocation: location)
    return result
  }

  /// A trained tiny model as the directory `base`, copied from one that all tests share.
  func addBase() throws {
    try FileManager.default.copyItem(
      at: try SharedRun.directory().appending(path: "run/final"), to: url("base"))
  }

  /// The finished run of `tiny.yaml` as the directory `run`, copied likewise.
  func addRun() throws {
    try FileManager.default.copyItem(
      at: try SharedRun.directory().appending(path: "run"), to: url("run"))
  }
}

/// One run of the tiny recipe that tests look at but do not change.
enum SharedRun {
  nonisolated(unsafe) private static let made: Result<(Workshop, CommandResult), any Error> = Result
  {
    let workshop = try Workshop()
    atexit {
      if case .success(let made) = SharedRun.made {
        try? FileManager.default.removeItem(at: made.0.folder)
      }
    }
    return (workshop, try workshop.halter("run", "tiny.yaml"))
  }

  static func directory() throws -> URL { try made.get().0.folder }
  static func workshop() throws -> Workshop { try made.get().0 }
  static func result() throws -> CommandResult { try made.get().1 }
}
