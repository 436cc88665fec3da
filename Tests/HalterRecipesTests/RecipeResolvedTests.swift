import Foundation
import HalterRecipes
import Testing

/// The text of a recipe with every key, which is itself a recipe.
@Suite struct RecipeResolvedTests {
  static let recipes: [String] = [
    "",
    "adapter: lora",
    "adapter: {rank: 3, alpha: 0.5, dropout: 0.25, rslora: true, layers: [0-3, 7], init: ../a}",
    #"adapter: {targets: '.*\.(q|v)_proj$', layers: 4}"#,
    "adapter: {targets: [q_proj, mlp.up_proj]}",
    "template: 'null'",
    "template: \"yes\"",
    "train: {steps: 10, batch_size: 3, accumulate: 4, clip: null, threads: 2, warmup: 3}",
    "train: {epochs: 0.1, learning_rate: 1.5e-7, warmup: 0.001, weight_decay: 0.01, seed: 0}",
    "train: {schedule: constant, compute: f32, recompute: blocks, betas: [0, 0.12345678901]}",
    "train: {schedule: {type: wsd, floor: 0.25, decay: 0.125}, epsilon: 1e-15}",
    "train: {schedule: linear, warmup: 0}",
    "adapter: lora\ntrain: {optimizer: {type: adamw_8bit, paged: true}, lora_plus_ratio: 16}",
    #"eval: {samples: ["a: b # c", "q\"\\", " ", "ä😀\u2028\t\n\0", "- x", "yes", "12", "@"]}"#,
    "eval: {every: 5, samples: [a], max_new_tokens: 3}\nsave: {every: 9, keep: 1}\noutput: /o/x y",
  ]

  @Test(arguments: recipes)
  func readsBackAsTheSameRecipe(_ lines: String) throws {
    let loaded = try load(minimal + lines)
    for text in [loaded.resolved(), loaded.resolved(showingOrigins: false)] {
      let again = try RecipeLoader.load(
        text: text, name: "resolved", file: URL(fileURLWithPath: "/else/where/x.yaml"),
        workingDirectory: "/other")
      #expect(again.recipe == loaded.recipe)
      #expect(again.resolved(showingOrigins: false) == loaded.resolved(showingOrigins: false))
    }
  }

  @Test func originsAreCommentsBehindTheValues() throws {
    let text = try load(
      minimal + "adapter: {rank: 8}\neval:\n  samples: [a b]\n",
      ["train.seed=7", "data.train.1.path=/b"]
    ).resolved()
    #expect(
      text == """
        method: sft  # r.yaml:1
        model:
          base: small  # r.yaml:2
          revision: null  # default
          init: pretrained  # default
          quantize: null  # default
        template: null  # default
        adapter:
          type: lora  # default
          rank: 8  # r.yaml:4
          alpha: 16  # default
          dropout: 0  # default
          targets: all-linear  # default
          layers: null  # default
          rslora: false  # default
          dora: false  # default
          init: default  # default
        data:
          train:
            - path: /recipes/rows.jsonl  # r.yaml:3
              format: auto  # default
              layout: auto  # default
              columns: null  # default
              split: null  # default
              limit: null  # default
              weight: 1  # default
              share: null  # default
            - path: /b  # override data.train.1.path=/b
              format: auto  # default
              layout: auto  # default
              columns: null  # default
              split: null  # default
              limit: null  # default
              weight: 1  # default
              share: null  # default
          validation: null  # default
          max_length: null  # default
          on_overflow: drop  # default
          train_on: assistant  # default
          deduplicate: none  # default
          fim: null  # default
        train:
          epochs: 1  # default
          steps: null  # default
          batch_tokens: 2048  # default
          batch_size: null  # default
          accumulate: 1  # default
          learning_rate: 2e-4  # default
          lora_plus_ratio: null  # default
          schedule:
            type: cosine  # default
            floor: 0.1  # default
            decay: null  # default
          warmup: 0.05  # default
          optimizer:
            type: adamw  # default
            paged: false  # default
          weight_decay: 0  # default
          betas: [0.9, 0.999]  # default
          epsilon: 1e-8  # default
          clip: 1  # default
          seed: 7  # override train.seed=7
          compute: auto  # default
          recompute: none  # default
          threads: auto  # default
        eval:
          every: null  # default
          samples: ["a b"]  # r.yaml:6
          max_new_tokens: 64  # default
        save:
          every: null  # default
          keep: 2  # default
          best_by: loss  # default
        output: /home/user/runs/r  # default

        """)
  }

  @Test func anArgumentCannotBreakItsComment() throws {
    let loaded = try load(minimal, ["eval.samples.0=a\nmethod: dpo"])
    let again = try load(loaded.resolved())
    #expect(again.recipe.eval.samples == ["a\nmethod: dpo"])
  }

  @Test(arguments: HalterRecipes.Method.allCases)
  func everyDocumentedKeyIsWritten(_ method: HalterRecipes.Method) throws {
    var overrides = [
      "model.quantize=nf4", "data.train.0.columns.text=body", "data.validation=held.jsonl",
    ]
    switch method {
    case .sft, .pretrain: overrides.append("data.fim.rate=0.1")
    case .reward: overrides.append("reward.margin={levels: small}")
    }
    let text = try load(
      minimal.replacing("sft", with: method.rawValue) + "adapter: lora", overrides
    ).resolved()
    // What a recipe extends is merged into it.
    for key in RecipeReference.keys(of: method) where key.path != "extends" {
      let name = try #require(key.path.split(separator: ".").last)
      #expect(text.contains("\(name):"), "\(key.path) is not written")
    }
  }

  @Test func aRevisionIsKept() throws {
    let text = "method: sft\nmodel: {base: hf:a/b, revision: '1.0'}\ndata: {train: /x}\n"
    let loaded = try load(text)
    #expect(try load(loaded.resolved()).recipe == loaded.recipe)
    #expect(loaded.recipe.model.revision == "1.0")
  }

  @Test func textIsKept() throws {
    #expect(try load(minimal + "# a note").text == minimal + "# a note")
  }
}
