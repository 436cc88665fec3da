import Foundation
import Testing

/// The command line itself: help, flags, recipes, listings.
@Suite struct CommandTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  @Test(arguments: [
    "run", "plan", "sweep", "recipe list", "recipe new", "recipe check", "recipe show",
    "recipe explain",
    "recipe schema", "model list", "model pull",
    "model inspect", "model random", "generate", "chat", "logprobs", "export", "doctor",
  ])
  func everyHelpHasAnExampleThatParses(command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    let result = try CommandRun(
      words + ["--help"], in: work.folder, environment: work.environment
    ).wait()
    #expect(result.code == 0)
    #expect(result.err == "")
    #expect(result.out.contains("Example"))
    #expect(result.out.contains("halter \(command)"))
  }

  @Test func theHelpOfTheWholeNamesEveryCommand() throws {
    let text = try work.succeeds("--help").out
    for name in [
      "run", "plan", "sweep", "recipe", "model", "generate", "chat", "logprobs", "export", "doctor",
    ] {
      #expect(text.contains("  \(name) "), "\(name)")
    }
    #expect(text.contains("halter run recipes/sft-lora.yaml"))
  }

  @Test func theVersionIsANumber() throws {
    #expect(try work.succeeds("--version").out.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
  }

  @Test(arguments: [
    ["nonsense"], ["run"], ["run", "a.yaml", "--no-such-flag"], ["generate", "x"],
    ["generate", "--model", "m"], ["generate", "--model", "m", "--threads", "0", "x"],
    ["generate", "--model", "m", "--threads", "100000", "x"],
    ["generate", "--model", "m", "--temperature", "-1", "x"],
    ["generate", "--model", "m", "--temperature", "nan", "x"],
    ["generate", "--model", "m", "--top-k", "0", "x"],
    ["generate", "--model", "m", "--top-p", "1.5", "x"],
    ["generate", "--model", "m", "--top-p", "0.9", "x"],
    ["generate", "--model", "m", "--max-tokens", "0", "x"],
    ["generate", "--model", "m", "--max-tokens", "many", "x"],
    ["plan"], ["plan", "a.yaml", "--memory", "-1"], ["model", "random", "--output", "o"],
    ["export", "--output", "o"], ["export", "run", "--output", "o"],
    ["export", "run", "--merge", "--format", "peft", "--output", "o"],
    ["export", "run", "--merge", "--format", "zip", "--output", "o"],
    ["export", "run", "--model", "m", "--merge", "--output", "o"],
    ["export", "--model", "m", "--checkpoint", "best", "--merge", "--output", "o"],
    ["recipe", "explain", "no_such_key"],
    ["recipe", "explain", "template", "--method", "pretrain"],
    ["recipe", "explain", "--method", "nonsense"], ["recipe", "schema", "nonsense"],
    ["recipe", "new"], ["recipe", "new", "nonsense"], ["logprobs", "--model", "m"],
  ])
  func badFlagsAre64(arguments: [String]) throws {
    let result = try CommandRun(
      arguments, in: work.folder, environment: work.environment
    ).wait()
    #expect(result.code == 64, "\(result.err)")
    #expect(result.out == "")
    #expect(result.err.hasPrefix("Error: "))
    #expect(!work.exists("o"))
  }

  // MARK: - recipe

  private static let shipped: [String] = {
    let folder = Repository.root.appending(path: "recipes")
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".yaml") }.sorted()
  }()

  @Test(arguments: shipped)
  func everyShippedRecipeIsSound(name: String) throws {
    let path = Repository.root.appending(path: "recipes/\(name)").path
    let result = try work.halter("recipe", "check", path)
    if result.code == 66 {
      // Data that is made or fetched, and not here: the recipe itself is sound.
      #expect(result.err.contains("there is no"))
    } else {
      #expect(result.code == 0, "\(result.err)")
      #expect(result.out == "\(path): ok\n")
    }
  }

  @Test func thereAreShippedRecipes() {
    #expect(Self.shipped.contains("tiny.yaml"))
    #expect(Self.shipped.contains("sft-lora.yaml"))
  }

  @Test func checkPrintsEveryFault() throws {
    try work.recipe(replacing: "train.jsonl, validation: validation.jsonl", by: "a, validation: b")
    try work.fails(
      66, "recipe", "check", "tiny.yaml",
      saying: ["data.train.0.path", "data.validation.0.path", work.url("a").path])
    try work.recipe(replacing: "warmup: 1", by: "warm: 1")
    try work.fails(65, "recipe", "check", "tiny.yaml", saying: ["tiny.yaml:4:", "warm"])
  }

  @Test func showPrintsTheRecipeAsItIsOrResolved() throws {
    #expect(try work.succeeds("recipe", "show", "tiny.yaml").out == (try work.read("tiny.yaml")))
    let resolved = try work.succeeds("recipe", "show", "tiny.yaml", "--resolved").out
    #expect(resolved.contains("betas:"))
    #expect(!resolved.contains("#"))
    try work.write(resolved, to: "resolved.yaml")
    #expect(try work.succeeds("recipe", "show", "resolved.yaml", "--resolved").out == resolved)
    let origins = try work.succeeds(
      "recipe", "show", "tiny.yaml", "train.seed=9", "--resolved", "--origin"
    ).out
    #expect(origins.contains("seed: 9  # override train.seed=9"))
    #expect(origins.contains("# default"))
  }

  @Test func explainKnowsEveryKey() throws {
    let one = try work.succeeds("recipe", "explain", "train.warmup").out
    #expect(one.contains("train.warmup: "))
    #expect(one.contains("default: 0.05"))
    #expect(try work.succeeds("recipe", "explain", "warmup").out == one)
    #expect(try work.succeeds("recipe", "explain").lines.count > 60)
    let result = try work.halter("recipe", "explain", "train.warmpu")
    #expect(result.code == 64)
    #expect(result.err.contains("did you mean"))
  }

  @Test func explainTellsMethodsApart() throws {
    let both = try work.succeeds("recipe", "explain", "data.on_overflow").out
    #expect(both.contains("default: drop; only sft"))
    #expect(both.contains("default: split; only pretrain"))
    let one = try work.succeeds("recipe", "explain", "on_overflow", "--method", "pretrain").lines
    #expect(one.first == "data.on_overflow: split, drop or error (default: split)")
    let rows = try Metrics.objects(work.succeeds("recipe", "explain", "clip", "--json").out)
    #expect(rows.first?["default"] as? String == "1")
  }

  @Test func schemasAreJSON() throws {
    for words in [["recipe", "schema"], ["recipe", "schema", "pretrain"]] {
      let text = try CommandRun(words, in: work.folder, environment: work.environment).wait().out
      let schema = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      #expect(schema?["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
    }
  }

  @Test func aNewRecipeIsSoundAndRuns() throws {
    let written = try work.succeeds(
      "recipe", "new", "sft", "--output", "sub/../mine.yaml", "--model", Repository.tiny.path)
    #expect(written.lines == ["mine.jsonl", "mine.yaml"].map { "wrote " + work.url($0).path })
    #expect(try work.succeeds("recipe", "check", "mine.yaml").out == "mine.yaml: ok\n")
    try work.succeeds(
      "run", "mine.yaml", "model.init=random", "adapter=null", "data.validation=null", "--dry-run",
      "--quiet")
  }

  @Test func aNewRecipeOverwritesNothing() throws {
    try work.write("mine", to: "mine.yaml")
    try work.fails(
      73, "recipe", "new", "sft", "--output", "mine.yaml", saying: ["mine.yaml", "overwritten"])
    #expect(try work.read("mine.yaml") == "mine")
    #expect(!work.exists("mine.jsonl"))
    try work.write("rows", to: "other.jsonl")
    try work.fails(73, "recipe", "new", "sft", "--output", "other.yaml", saying: ["other.jsonl"])
    #expect(!work.exists("other.yaml"))
    try work.succeeds(
      "recipe", "new", "pretrain", "--output", "other.yaml", "--data", "train.jsonl")
    #expect(try work.succeeds("recipe", "check", "other.yaml").out == "other.yaml: ok\n")
  }

  @Test func aNewRecipeIsPrintedWithoutAFile() throws {
    let before = work.names("")
    let text = try work.succeeds("recipe", "new", "pretrain").out
    #expect(text.contains("\nmethod: pretrain\n"))
    #expect(work.names("") == before)
  }

  @Test func theListSaysWhatEachRecipeIs() throws {
    try work.write("# What we share.\ntrain: {seed: 1}\n", to: "base.yaml")
    try work.write("method: sft\ntrian: 1\n", to: "wrong.yaml")
    let lines = try work.succeeds("recipe", "list").lines
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("base.yaml   to extend"))
    #expect(lines[0].hasSuffix("What we share."))
    #expect(lines[1].hasPrefix("tiny.yaml   sft"))
    #expect(lines[2] == "wrong.yaml  3 faults")
    let rows = try Metrics.objects(work.succeeds("recipe", "list", ".", "--json").out)
    #expect(rows.map { $0["faults"] as? Int } == [0, 0, 3])
    try work.fails(66, "recipe", "list", "nowhere", saying: ["nowhere", "no folder"])
  }

  // MARK: - model and doctor

  @Test func theListOfModelsSaysWhatIsHere() throws {
    let text = try work.succeeds("model", "list").out
    #expect(text.contains("smollm2-135m-instruct"))
    #expect(text.contains("not pulled"))
    let rows = try Metrics.objects(work.succeeds("model", "list", "--json").out)
    #expect(rows.first?["licence"] as? String == "Apache-2.0")
  }

  @Test func unknownModelsCannotBePulled() throws {
    try work.fails(66, "model", "pull", "nosuch", saying: ["'nosuch'", "hf:OWNER/NAME"])
    try work.fails(66, "model", "inspect", "nosuch", saying: ["'nosuch'"])
  }

  @Test func theDoctorMeasures() throws {
    let object = try #require(
      try Metrics.objects(work.succeeds("doctor", "--json").out).first)
    #expect((object["gemmGFlops"] as? Double ?? 0) > 0)
    #expect((object["bf16GemmGFlops"] as? Double ?? 0) > 0)
    #expect((object["availableBytes"] as? Int ?? 0) > 0)
    #expect(["f32", "bf16"].contains(object["compute"] as? String))
    #expect((object["cores"] as? Int ?? 0) > 0)
    #expect(object["cache"] as? String == work.environment["HALTER_HOME"])
  }

  @Test func coloursComeOnlyWithATerminal() throws {
    work.environment["TERM"] = "xterm-256color"
    // Later runs find the rows in the cache, and say so.
    try work.succeeds("data", "prepare", "tiny.yaml", "--quiet")
    let plain = try work.halter("run", "tiny.yaml", "--dry-run")
    work.environment["NO_COLOR"] = "1"
    let none = try work.halter("run", "tiny.yaml", "--dry-run")
    #expect(plain.code == 0)
    #expect(!plain.err.contains("\u{1B}"))
    #expect(plain.err == none.err)
  }
}
