import HalterRecipes
import Testing

/// Values that are right alone and wrong together.
@Suite struct RecipeCheckTests {
  @Test func epochsOrSteps() {
    #expect(
      errors(minimal + "train:\n  epochs: 2\n  steps: 5\n") == """
        r.yaml:6:10: train.epochs and train.steps both say how long to train: keep one of them
          6 |   steps: 5
            |          ^
        """)
  }

  @Test func tokensOrRows() {
    #expect(
      messages("train: {batch_tokens: 512, batch_size: 2}") == [
        "train.batch_tokens and train.batch_size both say how large a batch is: keep one of them"
      ])
  }

  @Test func theLongestRowFitsInABatch() {
    let text =
      "method: sft\nmodel: a\ndata: {train: x, max_length: 1024}\ntrain: {batch_tokens: 512}"
    #expect(
      errors(text) == """
        r.yaml:4:23: a row of data.max_length 1024 does not fit in train.batch_tokens 512: raise \
        batch_tokens or lower max_length
          4 | train: {batch_tokens: 512}
            |                       ^~~
        """)
    #expect(errors(text.replacing("512", with: "1024")).isEmpty)
    #expect(errors(text.replacing("batch_tokens: 512", with: "batch_size: 1")).isEmpty)
  }

  @Test func theUsualBatchHoldsTheLongestRow() throws {
    let text = "method: sft\nmodel: a\ndata: {train: x, max_length: 4096}\n"
    #expect(try load(text).recipe.train.batchTokens == 4096)
    #expect(try load(text.replacing("4096", with: "64")).recipe.train.batchTokens == 2048)
  }

  @Test func betasAreInOrder() {
    #expect(
      messages("train: {betas: [0.999, 0.9]}") == [
        "train.betas: the first is to be no larger than the second, found [0.999, 0.9]: swap them"
      ])
    #expect(messages("train: {betas: [0.9, 0.9]}").isEmpty)
  }

  @Test func warmupIsShorterThanTheRun() {
    #expect(
      messages("train: {steps: 10, warmup: 10}") == [
        "train.warmup 10 is as long as the whole run of train.steps 10, so that the peak would "
          + "never be held: lower it"
      ])
    #expect(messages("train: {steps: 10, warmup: 9}").isEmpty)
    #expect(messages("train: {steps: 1, warmup: 0}").isEmpty)
  }

  @Test func warmupAndDecayFitInTheRun() {
    #expect(
      messages("train: {warmup: 0.5, schedule: {type: wsd, decay: 0.6}}") == [
        "train.warmup 0.5 and train.schedule.decay 0.6 make more than the whole run: lower one of "
          + "them"
      ])
    #expect(messages("train: {warmup: 0.95, schedule: wsd}").count == 1)
    #expect(messages("train: {warmup: 0.4, schedule: {type: wsd, decay: 0.6}}").isEmpty)
  }

  @Test func aConstantRateHasNoFloor() {
    #expect(
      messages("train: {schedule: {type: constant, floor: 0.1}}") == [
        "train.schedule.floor has no meaning for constant, which never falls: delete it"
      ])
  }

  @Test(arguments: ["constant", "linear", "cosine"])
  func onlyWSDDecays(_ type: String) {
    #expect(
      messages("train: {schedule: {type: \(type), decay: 0.1}}")
        == ["train.schedule.decay has no meaning for \(type): delete it, or take wsd"])
  }

  @Test func randomWeightsNeedNoAdapter() {
    #expect(
      errors("method: sft\nmodel: {base: a, init: random}\nadapter: lora\ndata: {train: x}\n")
        == """
        r.yaml:2:24: an adapter freezes the model, and model.init random leaves nothing worth \
        freezing: delete adapter to train every weight
          2 | model: {base: a, init: random}
            |                        ^~~~~~
        """)
  }

  @Test func aPathHasNoRevision() {
    #expect(
      errors("method: sft\nmodel: {base: ./a, revision: b}\ndata: {train: x}\n").contains(
        #"model.revision belongs to a model on a hub, and "./a" is a path: delete it"#))
  }

  @Test func validationRowsAreNotTrainingRows() {
    #expect(
      errors("method: sft\nmodel: a\ndata: {train: [y, x], validation: [z, ./x]}\n") == """
        r.yaml:3:39: "./x" is in data.train too, and a loss on rows that were learnt says nothing: name \
        other rows, or a share of train such as 0.1
          3 | data: {train: [y, x], validation: [z, ./x]}
            |                                       ^~~
        """)
  }

  @Test func evaluationNeedsSomethingToEvaluate() {
    #expect(
      messages("eval: {every: 5}") == [
        "eval.every is given, but there is nothing to evaluate: add data.validation or eval.samples"
      ])
    #expect(messages("eval: {every: 5, samples: [a]}").isEmpty)
  }

  @Test func aFaultyValueIsNotCheckedAgainstOthers() {
    #expect(
      messages("train: {epochs: x, steps: 5, betas: [0.99, x], warmup: 0x, threads: 1}").count == 3)
    #expect(messages("train: {steps: 5, warmup: 010}").count == 1)
  }

  @Test func everyCheckIsMade() {
    #expect(
      messages("train: {epochs: 1, steps: 5, warmup: 5, betas: [0.9, 0.1]}\neval: {every: 2}").count
        == 4)
  }
}
