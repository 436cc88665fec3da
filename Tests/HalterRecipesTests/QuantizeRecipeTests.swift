import HalterRecipes
import Testing

/// `model.quantize` and `train.compute`.
@Suite struct QuantizeRecipeTests {
  @Test func aWordIsTheTypeAndTheRestIsUsual() throws {
    let recipe = try recipe("adapter: lora", ["model.quantize=fp4"])
    #expect(recipe.model.quantize?.kind == .fp4)
    #expect(recipe.model.quantize?.isDouble == nil && recipe.model.quantize?.block == nil)
    #expect(try HalterRecipesTests.recipe("adapter: lora").model.quantize == nil)
  }

  @Test func aMappingSaysMore() throws {
    let text = """
      method: sft
      model: {base: small, quantize: {type: nf4, double: false, block: 128}}
      adapter: lora
      data: {train: rows.jsonl}
      """
    let quantize = try load(text).recipe.model.quantize
    #expect(quantize?.kind == .nf4 && quantize?.isDouble == false && quantize?.block == 128)
  }

  @Test func computeNamesEachPrecision() throws {
    for (word, expected) in [("f32", TrainRecipe.Compute.f32), ("bf16", .bf16), ("auto", .auto)] {
      #expect(try recipe("", ["train.compute=\(word)"]).train.compute == expected)
    }
  }

  @Test func aQuantisedModelNeedsAnAdapter() {
    #expect(faults(of: minimal, ["model.quantize=nf4"]).contains { $0.contains("adapter") })
  }

  @Test func blocksArePowersOfTwo() {
    let faults = faults(
      of: minimal + "adapter: lora", ["model.quantize.type=nf4", "model.quantize.block=100"])
    #expect(
      faults == [
        "model.quantize.block is a power of two from 32 to 4096, found 100: 64 is usual"
      ])
  }

  @Test func int8HasNoBlocks() {
    let faults = faults(
      of: minimal + "adapter: lora", ["model.quantize.type=int8", "model.quantize.double=true"])
    #expect(
      faults == [
        "int8 has a scale for each row: double and block belong to nf4 and fp4: delete them"
      ]
    )
  }
}
