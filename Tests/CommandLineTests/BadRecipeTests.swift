import Foundation
import Testing

/// Recipes and data that cannot be trained: one clear error each, with its place and its mend, and
/// nothing left behind.
@Suite struct BadRecipeTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  /// Expects `halter run tiny.yaml` to fail and to leave nothing but what is cached.
  private func refuses(
    _ words: [String], code: Int32 = 65, at location: SourceLocation = #_sourceLocation
  ) throws {
    let before = work.names("").filter { $0 != "home" }
    try work.fails(code, "run", "tiny.yaml", "--quiet", saying: words, at: location)
    #expect(work.names("").filter { $0 != "home" } == before, sourceLocation: location)
  }

  // MARK: - Recipes

  @Test func aMisspeltKeyIsNamedWithTheLikelyOne() throws {
    try work.recipe(replacing: "learning_rate", by: "learnin_rate")
    try refuses([
      "tiny.yaml:4:37", "unknown key \"learnin_rate\" in train", "did you mean \"learning_rate\"?",
      "^~~~",
    ])
  }

  @Test func allFaultsAreToldAtOnce() throws {
    try work.recipe(replacing: "learning_rate: 1e-2", by: "learning_rate: fast")
    try work.recipe(replacing: "every: 2", by: "every: -2")
    try work.recipe(replacing: "method: sft", by: "method: stf")
    try refuses(["tiny.yaml:1:9", "tiny.yaml:4:52", "tiny.yaml:5:15", "\"fast\"", "-2", "stf"])
  }

  @Test func aMissingMethodIsAskedFor() throws {
    try work.recipe(replacing: "method: sft\n", by: "")
    try refuses(["tiny.yaml", "method"])
  }

  @Test func textThatIsNotYAMLIsPointedAt() throws {
    try work.write("method: sft\nmodel: {base: \n", to: "tiny.yaml")
    try refuses(["tiny.yaml:3:1", "not valid YAML"])
  }

  @Test func aMissingRecipeIs66() throws {
    try work.fails(66, "run", "no.yaml", saying: ["no.yaml", "no recipe file"])
  }

  @Test func aDirectoryIsNoRecipe() throws {
    try FileManager.default.createDirectory(
      at: work.url("folder.yaml"), withIntermediateDirectories: true)
    let result = try work.halter("run", "folder.yaml")
    #expect([65, 66, 74].contains(result.code), "\(result.err)")
    #expect(result.err.contains("folder.yaml"))
  }

  @Test func anUnknownTemplateIsNamedByItsLine() throws {
    try work.write(try work.read("tiny.yaml") + "template: chatlm\n", to: "tiny.yaml")
    try refuses(["tiny.yaml:7:11", "\"chatlm\"", "chatml, llama2, hermes, llama3, llama3.1"])
  }

  @Test func aWrongOverrideIsNamed() throws {
    try work.fails(
      65, "run", "tiny.yaml", "train.stepps=3", saying: ["train.stepps=3", "did you mean"])
    try work.fails(65, "run", "tiny.yaml", "train.steps=many", saying: ["train.steps", "many"])
  }

  @Test func aMissingModelDirectoryIs66() throws {
    try work.recipe(replacing: Repository.tiny.path, by: "./nowhere")
    try refuses(["tiny.yaml:2:15", "model.base", work.url("nowhere").path], code: 66)
  }

  @Test func anUnknownModelNameListsTheKnownOnes() throws {
    try work.recipe(replacing: "{base: \(Repository.tiny.path), init: random}", by: "smollm3")
    try refuses(["'smollm3'", "smollm2-135m-instruct"], code: 66)
  }

  @Test func aModelThatIsNotPulledSaysHowToGetIt() throws {
    try work.recipe(
      replacing: "{base: \(Repository.tiny.path), init: random}", by: "smollm2-135m-instruct")
    try refuses(["halter model pull smollm2-135m-instruct"], code: 66)
  }

  @Test func aModelWithoutWeightsCannotBeFineTuned() throws {
    try work.recipe(replacing: ", init: random", by: "")
    try refuses(["holds no weights", "init: random"])
  }

  @Test func aBlockThatTheModelLacksIsNamed() throws {
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "tiny.yaml")
    try work.recipe(replacing: "dropout: 0.1", by: "layers: 0..7")
    let result = try work.halter("run", "tiny.yaml", "--quiet")
    #expect(result.code == 65)
    #expect(result.err.contains("layers"))
    #expect(!work.exists("adapted"))
  }

  @Test func targetsThatMatchNothingAreRefused() throws {
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "tiny.yaml")
    try work.recipe(replacing: "dropout: 0.1", by: "targets: [query]")
    try refuses(["no layer of the model is a target", "q_proj"])
  }

  // MARK: - Data

  @Test func missingDataIs66() throws {
    try work.recipe(replacing: "train: train.jsonl", by: "train: no.jsonl")
    try refuses(["tiny.yaml:3:15", work.url("no.jsonl").path], code: 66)
  }

  static let good = Workshop.rows([("a", "b")])

  @Test(arguments: [
    (good + "{\"messages\": [\n", ["train.jsonl:2:", "not JSON"]),
    (good + good + "[]\n", ["train.jsonl:3:1", "expected an object"]),
    ("{\"question\": 1}\n", ["train.jsonl:1", "`question`", "messages", "prompt"]),
    (
      "{\"messages\": [{\"role\": \"user\", \"content\": 5}]}\n",
      ["train.jsonl:1", "messages[0].content", "a number"]
    ),
    (
      "{\"messages\": [{\"role\": \"robot\", \"content\": \"x\"}]}\n",
      ["train.jsonl:1", "messages[0].role", "robot"]
    ),
    (
      "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}\n",
      ["train.jsonl:1", "no message has the role assistant"]
    ),
    ("", ["train.jsonl", "empty"]),
  ])
  func aMalformedRowIsNamedByFileAndLine(text: String, words: [String]) throws {
    try work.write(text, to: "train.jsonl")
    try refuses(words)
  }

  @Test func aRowThatIsNotTextIsNamed() throws {
    let row = Array(#"{"prompt": "a", "completion": "#.utf8) + [0x22, 0xFF, 0xFE, 0x22, 0x7D, 0x0A]
    try Data(Self.good.utf8 + row).write(to: work.url("train.jsonl"))
    try refuses(["train.jsonl:2:", "UTF-8"])
    try Data(Self.good.utf8 + [0xFF, 0xFE, 0x0A]).write(to: work.url("train.jsonl"))
    try refuses(["train.jsonl:2:1", "UTF-8"])
  }

  @Test func aLimitBeyondTheContextIsRefused() throws {
    try work.fails(
      65, "run", "tiny.yaml", "data.max_length=600", "train.batch_tokens=1024",
      saying: ["data.max_length is 600", "512 tokens", "Lower data.max_length"])
  }

  @Test func rowsWithNoTrainedTokenLeaveNothingToTrain() throws {
    try work.recipe(
      replacing: "train.jsonl, validation", by: "train.jsonl, max_length: 4, validation")
    try refuses(["train.jsonl", "none of the 8 rows is left", "max_length", "4"])
  }

  @Test func rowsThatAreTooLongAreAnErrorWhereTheRecipeSaysSo() throws {
    try work.recipe(
      replacing: "train.jsonl, validation",
      by: "train.jsonl, max_length: 22, on_overflow: error, validation")
    try refuses(["train.jsonl:", "tokens", "on_overflow: drop"])
  }

  @Test func droppedRowsAreTold() throws {
    try work.recipe(
      replacing: "train.jsonl, validation", by: "train.jsonl, max_length: 26, validation")
    let result = try work.halter("run", "tiny.yaml", "--dry-run")
    #expect(result.code == 0, "\(result.err)")
    #expect(result.err.contains("too long, left out"))
  }

  // MARK: - Output

  @Test func anOutputThatCannotBeMadeIs73() throws {
    try work.recipe(replacing: "output: run", by: "output: train.jsonl/run")
    try refuses(["train.jsonl", "cannot be created", "output"], code: 73)
  }

  @Test func anOutputThatMayNotBeWrittenIs73() throws {
    guard geteuid() != 0 else {
      // Root may write everywhere but here.
      try work.fails(73, "run", "tiny.yaml", "output=/proc/halter", "--quiet", saying: ["/proc"])
      return
    }
    try FileManager.default.createDirectory(
      at: work.url("locked"), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o500])
    try work.recipe(replacing: "output: run", by: "output: locked/run")
    try refuses(["locked", "permission"], code: 73)
  }
}
