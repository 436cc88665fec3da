import HalterRecipes
import Testing

/// `train.optimizer` and `train.lora_plus_ratio`.
@Suite struct OptimizerRecipeTests {
  @Test func withoutAWordItIsAdamW() throws {
    let optimizer = try recipe().train.optimizer
    #expect(optimizer.kind == .adamw && !optimizer.isPaged)
    #expect(try recipe().train.loraPlusRatio == nil)
  }

  @Test func aWordIsTheType() throws {
    let optimizer = try recipe("train: {optimizer: adamw_8bit}").train.optimizer
    #expect(optimizer.kind == .adamw8bit && !optimizer.isPaged)
  }

  @Test func aMappingSaysMore() throws {
    let optimizer = try recipe("train: {optimizer: {type: adamw_8bit, paged: true}}").train
      .optimizer
    #expect(optimizer.kind == .adamw8bit && optimizer.isPaged)
    #expect(try recipe("train: {optimizer: {paged: true}}").train.optimizer.kind == .adamw)
    #expect(try recipe("", ["train.optimizer.paged=true"]).train.optimizer.isPaged)
  }

  @Test func whatDoesNotExistIsRefused() {
    #expect(
      messages("", ["train.optimizer=adamw_8bits"]) == [
        "train.optimizer.type: expected adamw or adamw_8bit, found \"adamw_8bits\"; "
          + "did you mean \"adamw_8bit\"?"
      ])
    #expect(messages("", ["train.optimizer=sgd"]).count == 1)
    #expect(
      messages("", ["train.optimizer=paged_adamw_32bit"]) == [
        "train.optimizer.type: expected adamw or adamw_8bit, found \"paged_adamw_32bit\"; "
          + "write optimizer: {type: adamw, paged: true}"
      ])
    #expect(messages("", ["train.optimizer=adamw_torch"])[0].hasSuffix("; write adamw"))
    #expect(messages("train: {optim: adamw}").first?.contains("optimizer") == true)
  }

  @Test func theRatioIsBetweenTheMatricesOfAnAdapter() throws {
    #expect(
      try recipe("adapter: lora", ["train.lora_plus_ratio=16"]).train.loraPlusRatio == 16)
    #expect(
      messages("", ["train.lora_plus_ratio=16"]) == [
        "train.lora_plus_ratio is between the two matrices of an adapter, and there is no "
          + "adapter: add one, or delete train.lora_plus_ratio"
      ])
  }

  @Test func theRatioIsNotBelowOne() {
    #expect(
      messages("adapter: lora", ["train.lora_plus_ratio=0.5"]).first?
        .contains("a number from 1 to 1000") == true)
    #expect(
      messages("adapter: lora\ntrain: {loraplus_lr_ratio: 16}").first?
        .contains("lora_plus_ratio") == true)
  }
}
