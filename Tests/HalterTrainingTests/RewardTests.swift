import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterModels
import HalterNN
import HalterOptim
import HalterTensor
import HalterTokenizers
import HalterTraining
import Testing

/// Reward modelling on a small Llama.
@Suite struct RewardTests {
  /// A tiny reward model with all weights to train, and a few comparisons to teach it.
  private struct TinyReward {
    let model: RewardModel
    let tiny: TinyLlama
    let train: Dataset

    init(_ extra: [Example] = [], hasHead: Bool = true) throws {
      tiny = try TinyLlama()
      let backbone = try tiny.checkpoint.random(
        seed: 5, on: CPUBackend(threads: 1), hasHead: hasHead)
      model = RewardModel(
        backbone, head: RewardModel.freshHead(size: backbone.hiddenSize, seed: 5), trainable: true)
      let encoder = ExampleEncoder(
        comparing: PromptRenderer(tokenizer: tiny.tokenizer, template: tiny.template))
      let rows = TinyLlama.questions.prefix(8).enumerated().map { index, pair in
        Self.pair(
          pair.0, pair.1, "I do not know \(index).", margin: Double(index % 4),
          level: PreferenceLevel(rawValue: index % 4), line: index + 1)
      }
      train = try Dataset(rows + extra, encoder: encoder)
    }

    static func pair(
      _ prompt: String, _ chosen: String, _ rejected: String, margin: Double? = nil,
      level: PreferenceLevel? = nil, line: Int = 1
    ) -> Example {
      .preference(
        PreferencePair(
          prompt: [Message(role: .user, content: prompt)],
          chosen: [Message(role: .assistant, content: chosen)],
          rejected: [Message(role: .assistant, content: rejected)], margin: margin, level: level,
          location: RowLocation(file: "pairs.jsonl", line: line)))
    }

    func method(_ options: RewardOptions = RewardOptions()) throws -> RewardMethod {
      try RewardMethod(model: model, train: train, validation: train, options: options)
    }

    var parameters: [NamedParameter] {
      model.backbone.parameters.filter(\.parameter.isTrainable)
        + [NamedParameter(RewardModel.headName, model.head)]
    }

    /// The loss and the gradients over some batches as one step.
    func gradients(
      of batches: [[Int]], _ options: RewardOptions = RewardOptions()
    ) throws -> (loss: Double, gradients: [String: [Float]]) {
      let method = try method(options)
      for parameter in parameters { parameter.parameter.value.clearGradient() }
      let weight = try batches.reduce(0.0) { try $0 + method.weight(of: $1, in: .train) }
      var sum = 0.0
      for rows in batches {
        let batch = try method.loss(of: rows, in: .train, scale: 1 / weight, dropoutSeed: nil)
        sum += batch.sum
        batch.loss.backward()
      }
      let gradients = parameters.map { ($0.name, $0.parameter.value.gradient?.floats ?? []) }
      return (sum / weight, Dictionary(uniqueKeysWithValues: gradients))
    }
  }

  @Test(arguments: [
    [[0, 1, 2, 3], [4, 5, 6, 7]], (0..<8).map { [$0] }, [[7, 2, 5, 0, 6, 1, 4, 3]],
  ])
  func accumulatedBatchesAreOneLargeBatch(batches: [[Int]]) throws {
    let reward = try TinyReward()
    let options = RewardOptions(
      margin: .column,
      objective: PreferenceObjective(labelSmoothing: 0.1, centering: 0.01),
      languageModeling: 0.5)
    let large = try reward.gradients(of: [Array(0..<8)], options)
    let small = try reward.gradients(of: batches, options)
    #expect(abs(large.loss - small.loss) < 1e-6)
    #expect(TinyLlama.distance(large.gradients, small.gradients) < 1e-5)
  }

  @Test func aFreshModelGuesses() throws {
    #expect(abs(try TinyReward().gradients(of: [Array(0..<8)]).loss - log(2)) < 0.05)
  }

  @Test func ofTwoAnswersARankingIsAPair() throws {
    func message(_ text: String) -> [Message] { [Message(role: .assistant, content: text)] }
    let location = RowLocation(file: "pairs.jsonl", line: 9)
    let prompt = [Message(role: .user, content: "Why?")]
    let reward = try TinyReward([
      .ranking(
        RankedAnswers(
          prompt: prompt, answers: [message("Because it works."), message("I do not know 4.")],
          location: location)),
      .ranking(
        RankedAnswers(
          prompt: prompt,
          answers: [message("Because it works."), message("Who knows?"), message("No.")],
          location: location)),
    ])
    let pair = try reward.gradients(of: [[4]])
    let ranking = try reward.gradients(of: [[8]])
    #expect(pair.loss == ranking.loss)
    #expect(TinyLlama.distance(pair.gradients, ranking.gradients) == 0)
    #expect(abs(try reward.gradients(of: [[9]]).loss - log(6)) < 0.1)
  }

  @Test func eachPromptCountsOnce() throws {
    let again = TinyReward.pair("Why?", "Because.", "No idea.", line: 9)
    let reward = try TinyReward([again, TinyReward.pair("Why?", "So.", "No.", line: 10)])
    let once = try reward.method()
    #expect(abs(try once.weight(of: [4, 8, 9], in: .train) - 1) < 1e-12)
    #expect(try once.weight(of: [0, 1], in: .train) == 2)
    let each = try reward.method(RewardOptions(countsPromptsOnce: false))
    #expect(try each.weight(of: [4, 8, 9], in: .train) == 3)
    #expect(try once.weight(of: [4, 8, 9], in: .validation) == 3)
  }

  @Test func marginsComeFromColumnsOrWords() throws {
    let reward = try TinyReward()
    for (margin, expected) in [
      (RewardOptions.Margin.none, 0.0), (.column, 3), (.large, 3), (.small, 1),
      (.levels([0, 0, 0, 7]), 7),
    ] {
      let loss = try reward.gradients(of: [[3]], RewardOptions(margin: margin)).loss
      // Fresh scores hardly differ.
      #expect(abs(loss - log(1 + exp(expected))) < 0.1, "\(margin)")
    }
  }

  @Test(arguments: [RewardOptions.Margin.column, .small])
  func aRowWithoutItsMarginIsNamed(margin: RewardOptions.Margin) throws {
    let reward = try TinyReward([TinyReward.pair("Oh?", "Yes.", "No.", line: 77)])
    let error = #expect(throws: DataError.self) {
      try reward.method(RewardOptions(margin: margin))
    }
    #expect(error?.description.hasPrefix("pairs.jsonl:77: the row has no") == true)
  }

  @Test func theLanguageLossIsTheMeanOverTheBetterAnswer() throws {
    let reward = try TinyReward()
    let plain = try reward.gradients(of: [[2]]).loss
    let both = try reward.gradients(of: [[2]], RewardOptions(languageModeling: 0.5)).loss
    // Among 512 tokens an untrained model guesses.
    #expect(abs(both - plain - 0.5 * log(512)) < 0.3)
  }

  @Test func everythingButTheUnusedHeadIsTrained() throws {
    let reward = try TinyReward(hasHead: false)
    let gradients = try reward.gradients(of: [Array(0..<8)]).gradients
    for (name, gradient) in gradients { #expect(gradient.contains { $0 != 0 }, "\(name)") }
    #expect(gradients[RewardModel.headName]?.count == reward.model.backbone.hiddenSize)
  }

  @Test func theModelLearnsAndResumesToTheSameBits() throws {
    try withFolder { folder throws in
      func run(
        _ name: String, stop: Int? = nil, resume: Bool = false
      ) throws -> (Recorder, [NamedParameter]) {
        let reward = try TinyReward(hasHead: false)
        let weights = RewardModelWeights(
          reward.model, checkpoint: reward.tiny.checkpoint, tokenizer: reward.tiny.tokenizer,
          template: reward.tiny.template)
        let optimizer = AdamW(
          weights.parameters.map {
            AdamW.Target(
              name: $0.name, tensor: $0.parameter.value, decays: !$0.parameter.isVector)
          }, configuration: AdamW.Configuration(weightDecay: 0))
        let recorder = Recorder()
        let store = CheckpointStore(run: folder.appending(path: name))
        let trainer = Trainer(
          method: try reward.method(), weights: weights, optimizer: optimizer,
          planner: BatchPlanner(lengths: reward.train.lengths, budget: .tokens(128), seed: 3),
          configuration: TrainerConfiguration(
            schedule: Schedule(peak: 1e-2, shape: .constant, warmupSteps: 1, totalSteps: 24),
            clip: 1, evaluateEvery: 6, saveEvery: nil, keep: 2, seed: 3, dropsOut: false,
            recipeFingerprint: "reward"), store: store, sample: { [] }, observers: [recorder],
          shouldStop: { recorder.steps.count == stop })
        if resume { try trainer.resume(from: store.newest()) }
        _ = try trainer.run()
        return (recorder, weights.parameters)
      }
      let (whole, parameters) = try run("whole")
      let last = try #require(whole.evaluations.last)
      #expect(last.loss < 0.3 * (try #require(whole.evaluations.first).loss))
      #expect(last.preferences?.accuracy == Proportion(hits: 8, count: 8))
      #expect(try #require(whole.steps.last?.reward).accuracy == 1)
      let (first, _) = try run("parts", stop: 7)
      let (second, resumed) = try run("parts", resume: true)
      #expect((first.steps + second.steps).map(\.loss) == whole.steps.map(\.loss))
      for (one, other) in zip(parameters, resumed) {
        #expect(one.parameter.value.floats == other.parameter.value.floats, "\(one.name)")
      }
    }
  }

  @Test func aDirectoryForTransformersPadsWithWhatEndsNoText() throws {
    try withFolder { folder throws in
      let reward = try TinyReward(hasHead: false)
      try RewardModelWeights(
        reward.model, checkpoint: reward.tiny.checkpoint, tokenizer: reward.tiny.tokenizer,
        template: reward.tiny.template
      ).write(to: folder)
      let text = try String(
        contentsOf: folder.appending(path: "config.json"), encoding: .utf8)
      let config = try #require(
        JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      #expect(config["architectures"] as? [String] == ["LlamaForSequenceClassification"])
      #expect((config["id2label"] as? [String: String])?.count == 1)
      let pad = try #require(config["pad_token_id"] as? Int)
      let last = try #require(try reward.train.row(0).tokens.last)
      #expect(pad != Int(last))
      #expect(!(try reward.tiny.template.stopIDs(in: reward.tiny.tokenizer)).contains(Int32(pad)))
      #expect(try Checkpoint(folder).tokenizer().special.pad == Int32(pad))
      let again = try Checkpoint(folder)
      #expect(try again.scoreHead() == reward.model.head.value.floats)
    }
  }
}
