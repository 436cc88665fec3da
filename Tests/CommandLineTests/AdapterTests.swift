import Foundation
import Testing

/// An adapter on a model: trained, used, merged, and refused where it does not fit.
@Suite struct AdapterTests {
  private let work: Workshop

  init() throws {
    work = try Workshop()
    try work.addBase()
    try work.write(Workshop.adapterRecipe, to: "lora.yaml")
  }

  private func logprobs(_ arguments: String...) throws -> [Double] {
    let result = try CommandRun(
      ["logprobs", "--input", "train.jsonl", "--threads", "1"] + arguments, in: work.folder,
      environment: work.environment
    ).wait()
    #expect(result.code == 0, "\(result.err)")
    return try Metrics.objects(result.out).flatMap { $0["logprobs"] as? [Double] ?? [] }
  }

  @Test func itIsTrainedUsedMergedAndTrainedOn() throws {
    let run = try work.succeeds("run", "lora.yaml")
    #expect(run.err.contains("LoRA r=4 alpha=8 on 14 layers"))
    #expect(run.err.contains("--adapter"))
    #expect(
      work.names("adapted/final")
        == ["adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"])
    #expect(
      work.names("adapted/checkpoints/last")
        == [
          "adapter_config.json", "adapter_model.safetensors", "chat_template.jinja",
          "checksums.json", "state.h5",
        ])

    // The adapter changes the model, and merging it does the same.
    let base = try logprobs("--model", "base")
    let adapted = try logprobs("--model", "base", "--adapter", "adapted/final")
    try work.succeeds("export", "adapted", "--merge", "--output", "merged")
    let merged = try logprobs("--model", "merged")
    #expect(base != adapted)
    #expect(zip(adapted, merged).allSatisfy { abs($0 - $1) < 1e-4 })
    #expect(adapted.count == merged.count)

    let inspected = try work.succeeds("model", "inspect", "adapted/final").out
    for words in ["adapter: LoRA", "rank: 4", "alpha: 8", "28 f32"] {
      #expect(inspected.contains(words), "\(inspected)")
    }

    try work.succeeds("export", "adapted", "--format", "peft", "--output", "taken")
    #expect(
      try work.bytes("taken/adapter_model.safetensors")
        == work.bytes("adapted/final/adapter_model.safetensors"))

    let further = try work.succeeds(
      "run", "lora.yaml", "adapter={init: adapted/final}", "output=further")
    #expect(further.err.contains("LoRA r=4 alpha=8"))
    let first = try Metrics.losses(work, "further", event: "eval").first
    let last = try Metrics.losses(work, "adapted", event: "eval").last
    #expect(abs(try #require(first) - (try #require(last))) < 1e-9)
  }

  @Test func itEndsInTheSameBitsWithTwoThreadsAndWhenResumed() throws {
    try work.succeeds("run", "lora.yaml", "--quiet")
    try work.succeeds("run", "lora.yaml", "train.threads=2", "output=two", "--quiet")
    let weights = try work.bytes("adapted/final/adapter_model.safetensors")
    #expect(try work.bytes("two/final/adapter_model.safetensors") == weights)
    // Back to the checkpoint in the middle, and on from there.
    try FileManager.default.removeItem(at: work.url("two/checkpoints/step-4"))
    try FileManager.default.removeItem(at: work.url("two/final"))
    let resumed = try work.succeeds("run", "lora.yaml", "--resume", "two")
    #expect(resumed.err.contains("resumed after step 2"))
    #expect(try work.bytes("two/final/adapter_model.safetensors") == weights)
    #expect(try Metrics.essence(work, "two") == Metrics.essence(work, "adapted"))
  }

  @Test func aRunThatStartsFromAnAdapterSaysAndKeepsItsShape() throws {
    try work.succeeds("run", "lora.yaml", "train.steps=2", "--quiet")
    let start = "adapter={init: adapted/final}"
    try work.succeeds("run", "lora.yaml", start, "output=further", "train.steps=2", "--quiet")
    let stored = try work.read("further/recipe.yaml")
    #expect(stored.contains("rank: 4"))
    #expect(stored.contains("alpha: 8"))
    try work.fails(
      65, "run", "lora.yaml", "adapter={init: adapted/final, rank: 9}", "output=o",
      saying: ["adapter.rank is 9", "has 4", "Leave adapter.rank out"])
    #expect(!work.exists("o"))
  }

  // MARK: - What does not fit

  @Test func anAdapterOfAnotherShapeIsRefused() throws {
    try work.succeeds("run", "lora.yaml", "train.steps=2", "--quiet")
    let file = "adapted/final/adapter_config.json"
    let text = try work.read(file)
    try work.write(text.replacing(/"r" : 4/, with: "\"r\" : 8"), to: file)
    for arguments in [
      ["generate", "--model", "base", "--adapter", "adapted/final", "x"],
      ["export", "adapted", "--merge", "--output", "merged"],
      ["run", "lora.yaml", "adapter={init: adapted/final}", "output=o", "--quiet"],
    ] {
      let result = try CommandRun(
        arguments, in: work.folder, environment: work.environment
      ).wait()
      #expect(result.code == 65, "\(arguments[0]): \(result.err)")
      for words in ["adapter_model.safetensors", "lora_A.weight", "[4, 64]", "[8, 64]"] {
        #expect(result.err.contains(words), "\(result.err)")
      }
    }
    #expect(!work.exists("merged"))
    #expect(!work.exists("o"))
  }

  @Test func anAdapterForOtherLayersIsRefused() throws {
    try work.succeeds("run", "lora.yaml", "train.steps=2", "--quiet")
    let file = "adapted/final/adapter_config.json"
    let text = try work.read(file)
    try work.write(text.replacing("\"down_proj\",", with: ""), to: file)
    try work.fails(
      65, "generate", "--model", "base", "--adapter", "adapted/final", "x",
      saying: ["down_proj", "fits no target layer"])
  }

  @Test func anAdapterWithNaNsIsRefused() throws {
    try work.succeeds("run", "lora.yaml", "train.steps=2", "--quiet")
    let file = work.url("adapted/final/adapter_model.safetensors")
    try Tampering.setLastFloat(of: file, to: .nan)
    try work.fails(
      65, "generate", "--model", "base", "--adapter", "adapted/final", "x",
      saying: ["adapter_model.safetensors", "not finite"])
  }

  @Test func aMissingAdapterIs66() throws {
    try work.fails(
      66, "generate", "--model", "base", "--adapter", "nowhere", "x",
      saying: [work.url("nowhere").path, "final/"])
    try work.fails(
      65, "generate", "--model", "base", "--adapter", "base", "x",
      saying: ["adapter_config.json"])
  }

  @Test func aTruncatedAdapterIsRefused() throws {
    try work.succeeds("run", "lora.yaml", "train.steps=2", "--quiet")
    try Tampering.cut(work.url("adapted/final/adapter_model.safetensors"), to: 3000)
    try work.fails(
      65, "generate", "--model", "base", "--adapter", "adapted/final", "x",
      saying: ["adapter_model.safetensors", "byte"])
  }
}
