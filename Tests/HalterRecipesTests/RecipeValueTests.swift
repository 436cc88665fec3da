import HalterRecipes
import Testing

/// What each key reads, and what it has when it is not given.
@Suite struct RecipeValueTests {
  @Test func aMinimalRecipeHasEveryDefault() throws {
    let recipe = try recipe()
    #expect(recipe.method == .sft)
    #expect(recipe.model.base == .name("small"))
    #expect(recipe.model.initialization == .pretrained)
    #expect(recipe.adapter == nil)
    #expect(recipe.template == nil)
    #expect(recipe.data.validation == nil)
    #expect(recipe.data.maxLength == nil)
    #expect(recipe.data.onOverflow == .drop)
    #expect(recipe.data.trainOn == .assistant)
    #expect(recipe.train.epochs == 1)
    #expect(recipe.train.steps == nil)
    #expect(recipe.train.batchTokens == 2048)
    #expect(recipe.train.batchSize == nil)
    #expect(recipe.train.accumulate == 1)
    #expect(recipe.train.learningRate == 2e-4)
    #expect(recipe.train.schedule.kind == .cosine)
    #expect(recipe.train.schedule.floor == 0.1)
    #expect(recipe.train.warmup == .share(0.05))
    #expect(recipe.train.weightDecay == 0)
    #expect(recipe.train.betas.first == 0.9)
    #expect(recipe.train.betas.second == 0.999)
    #expect(recipe.train.epsilon == 1e-8)
    #expect(recipe.train.clip == 1)
    #expect(recipe.train.seed == 42)
    #expect(recipe.train.compute == .auto)
    #expect(recipe.train.recompute == .none)
    #expect(recipe.train.threads == nil)
    #expect(recipe.eval.every == nil)
    #expect(recipe.eval.samples.isEmpty)
    #expect(recipe.eval.maxNewTokens == 64)
    #expect(recipe.save.every == nil)
    #expect(recipe.save.keep == 2)
    #expect(recipe.save.bestBy == .loss)
    #expect(recipe.output.absolute == "/home/user/runs/r")
  }

  @Test func adapterTypeAloneIsAnAdapter() throws {
    let adapter = try #require(try recipe("adapter: lora").adapter)
    #expect(adapter.kind == .lora)
    #expect(adapter.rank == 16)
    #expect(adapter.alpha == 32)
    #expect(adapter.dropout == 0)
    #expect(adapter.targets == .allLinear)
    #expect(adapter.layers == nil)
    #expect(!adapter.rslora)
    #expect(adapter.initialization == .identity)
  }

  @Test func alphaFollowsRankUnlessGiven() throws {
    #expect(try recipe("adapter: {rank: 8}").adapter?.alpha == 16)
    #expect(try recipe("adapter: {rank: 8, alpha: 4.5}").adapter?.alpha == 4.5)
  }

  @Test func nullAdapterTrainsEveryWeight() throws {
    #expect(try recipe("adapter: null").adapter == nil)
    #expect(try recipe("adapter: ~").adapter == nil)
  }

  @Test func targetsAreNamesOrAPattern() throws {
    #expect(try recipe("adapter: {targets: q_proj}").adapter?.targets == .names(["q_proj"]))
    #expect(
      try recipe("adapter: {targets: [q_proj, mlp.up_proj]}").adapter?.targets
        == .names(["q_proj", "mlp.up_proj"]))
    #expect(
      try recipe(#"adapter: {targets: '.*\.(q|v)_proj'}"#).adapter?.targets
        == .pattern(#".*\.(q|v)_proj"#))
  }

  @Test(arguments: [
    ("3", [3...3]), ("0-11", [0...11]), ("[1, 4-6]", [1...1, 4...6]),
    ("[5, 0-2, 3]", [0...3, 5...5]), ("[1-4, 2-9]", [1...9]),
  ])
  func layersAreNumbersAndRanges(_ text: String, _ ranges: [ClosedRange<Int>]) throws {
    #expect(try recipe("adapter: {layers: \(text)}").adapter?.layers?.ranges == ranges)
  }

  @Test func layerSelectionKnowsItsLayers() throws {
    let layers = try #require(try recipe("adapter: {layers: [1, 4-6]}").adapter?.layers)
    #expect((0...7).filter(layers.contains) == [1, 4, 5, 6])
    #expect(layers.last == 6)
  }

  @Test func anAdapterDirectoryIsRelativeToTheRecipe() throws {
    guard
      case .adapter(let path)? = try recipe("adapter: {init: ../runs/a}").adapter?.initialization
    else {
      Issue.record("no directory")
      return
    }
    #expect(path.absolute == "/runs/a")
    #expect(path.text == "../runs/a")
    #expect(try recipe("adapter: {init: default}").adapter?.initialization == .identity)
  }

  @Test(arguments: ["2e-4", "0.0002", "2E-04", "+2e-4", ".2e-3", "0.2e-3", "2.e-4"])
  func numbersHaveManySpellings(_ text: String) throws {
    #expect(try recipe("train: {learning_rate: \(text)}").train.learningRate == 2e-4)
  }

  @Test func wholeNumbersAreNumbersToo() throws {
    #expect(try recipe("train: {weight_decay: 1, epochs: 2, clip: 3}").train.clip == 3)
  }

  @Test func epochsMayBeAPart() throws {
    #expect(try recipe("train: {epochs: 0.25}").train.epochs == 0.25)
  }

  @Test func stepsReplaceEpochs() throws {
    let train = try recipe("train: {steps: 7}").train
    #expect(train.steps == 7)
    #expect(train.epochs == nil)
  }

  @Test func rowsReplaceTokens() throws {
    let train = try recipe("train: {batch_size: 4}").train
    #expect(train.batchSize == 4)
    #expect(train.batchTokens == nil)
  }

  @Test func clippingCanBeSwitchedOff() throws {
    #expect(try recipe("train: {clip: null}").train.clip == nil)
  }

  @Test(arguments: [
    ("0.1", Warmup.share(0.1)), ("10", .steps(10)), ("0", .steps(0)), ("0.0", .steps(0)),
    ("5e-2", .share(0.05)),
  ])
  func warmupIsAShareOrSteps(_ text: String, _ warmup: Warmup) throws {
    #expect(try recipe("train: {warmup: \(text)}").train.warmup == warmup)
  }

  @Test func warmupCountsItsSteps() {
    #expect(Warmup.share(0.05).steps(of: 100) == 5)
    #expect(Warmup.share(0.05).steps(of: 101) == 6)
    #expect(Warmup.share(0.05).steps(of: 0) == 0)
    #expect(Warmup.steps(20).steps(of: 100) == 20)
  }

  @Test(
    arguments: [
      ("constant", nil, nil), ("linear", 0, nil), ("cosine", 0.1, nil), ("wsd", 0, 0.1),
      ("{type: cosine, floor: 0}", 0, nil), ("{type: wsd, decay: 0.3, floor: 0.2}", 0.2, 0.3),
      ("{floor: 0.5}", 0.5, nil),
    ] as [(String, Double?, Double?)])
  func schedulesHaveTheirOwnDefaults(_ text: String, _ floor: Double?, _ decay: Double?) throws {
    let schedule = try recipe("train: {schedule: \(text)}").train.schedule
    #expect(schedule.floor == floor)
    #expect(schedule.decay == decay)
  }

  @Test func threadsAreACountOrAuto() throws {
    #expect(try recipe("train: {threads: auto}").train.threads == nil)
    #expect(try recipe("train: {threads: 3}").train.threads == 3)
  }

  @Test func sourcesAreOneOrMany() throws {
    let text = """
      method: sft
      model: small
      data:
        train:
          - a.jsonl
          - {path: /abs/b.jsonl, layout: prompt-completion, limit: 5}
        validation: {path: v.jsonl, layout: messages}
      """
    let data = try load(text).recipe.data
    #expect(data.train.map(\.path.absolute) == ["/recipes/a.jsonl", "/abs/b.jsonl"])
    #expect(data.train.map(\.layout) == [.auto, .promptCompletion])
    #expect(data.train.map(\.limit) == [nil, 5])
    #expect(data.validation?.sources.map(\.layout) == [.messages])
  }

  @Test func samplesMayBeAnyText() throws {
    let samples = try recipe(#"eval: {samples: ["a: b # c", yes, 12, 'it''s', "ä\n😀"]}"#).eval
      .samples
    #expect(samples == ["a: b # c", "yes", "12", "it's", "ä\n😀"])
  }

  @Test func windowsLineEndsAndAByteOrderMarkAreAccepted() throws {
    let text = "\u{FEFF}" + minimal.replacing("\n", with: "\r\n")
    #expect(try load(text).recipe == recipe())
  }

  @Test func jsonIsARecipeToo() throws {
    let text = #"{"method": "sft", "model": "small", "data": {"train": "rows.jsonl"}}"#
    #expect(try load(text).recipe == recipe())
  }
}
