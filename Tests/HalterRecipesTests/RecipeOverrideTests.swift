import HalterRecipes
import Testing

/// Arguments that change a recipe.
@Suite struct RecipeOverrideTests {
  @Test func aValueIsReplaced() throws {
    #expect(try recipe("train: {seed: 1}", ["train.seed=7"]).train.seed == 7)
  }

  @Test func aValueIsAddedWithItsSection() throws {
    #expect(try recipe("", ["train.seed=7"]).train.seed == 7)
    #expect(try recipe("", ["train.schedule.floor=0.3"]).train.schedule.floor == 0.3)
  }

  @Test func aKeyIsGivenOnce() {
    #expect(
      errors(minimal, ["train.seed=7", "eval.every=3", "train.seed=8", "eval.samples.0=a"]) == """
        argument "train.seed=8": train.seed is given before, in "train.seed=7": keep one of them
            | train.seed=8
            | ^~~~~~~~~~
        """)
    #expect(
      messages("", ["train.steps=3", "train.epochs=2"])
        == ["train.epochs and train.steps both say how long to train: keep one of them"])
  }

  @Test func aSectionDoesNotSwallowWhatWasGivenBefore() throws {
    #expect(
      messages("", ["adapter.rank=8", "adapter=lora"]) == [
        "adapter takes the place of all in it, also of \"adapter.rank=8\" before it: put it first, "
          + "or delete that one"
      ])
    #expect(try recipe("", ["adapter=lora", "adapter.rank=8"]).adapter?.rank == 8)
    #expect(messages("", ["train.seed=1", "train.seeds=1"]).count == 1)
  }

  @Test func onlyTheFirstEqualsSignSplits() throws {
    #expect(try recipe("", ["eval.samples.0=1+1=2?"]).eval.samples == ["1+1=2?"])
  }

  @Test(arguments: ["What: is # this", "- a", "a: b", "&x", "!y", "100% [sure]", " spaced "])
  func textStandsAsItIs(_ prompt: String) throws {
    #expect(try recipe("", ["eval.samples.0=\(prompt)"]).eval.samples == [prompt])
  }

  @Test func bracketsBracesAndQuotesAreYAML() throws {
    let recipe = try recipe(
      "",
      [
        "eval.samples=[a, \"b, c\"]", "train.betas=[0.8, 0.9]", "adapter={rank: 4, rslora: true}",
        "template='chatml'",
      ])
    #expect(recipe.eval.samples == ["a", "b, c"])
    #expect(recipe.train.betas.second == 0.9)
    #expect(recipe.adapter?.rank == 4)
    #expect(recipe.adapter?.rslora == true)
    #expect(recipe.template == "chatml")
  }

  @Test func entriesOfListsAreNumbered() throws {
    let lines = "eval: {samples: [a, b]}"
    #expect(try recipe(lines, ["eval.samples.1=c"]).eval.samples == ["a", "c"])
    #expect(try recipe(lines, ["eval.samples.2=c"]).eval.samples == ["a", "b", "c"])
    #expect(
      try recipe("train: {betas: [0.8, 0.9]}", ["train.betas.1=0.95"]).train.betas.second == 0.95)
  }

  @Test func aShorthandIsExpandedFirst() throws {
    let recipe = try recipe(
      "train: {schedule: wsd}",
      [
        "model.init=random", "data.train.0.limit=3", "data.train.1.path=/b",
        "train.schedule.decay=0.5",
      ])
    #expect(recipe.model.base == .name("small"))
    #expect(recipe.model.initialization == .random)
    #expect(recipe.data.train.map(\.path.absolute) == ["/recipes/rows.jsonl", "/b"])
    #expect(recipe.data.train.map(\.limit) == [3, nil])
    #expect(recipe.train.schedule.kind == .wsd)
    #expect(recipe.train.schedule.decay == 0.5)
  }

  @Test func anAdapterCanBeAddedAndRemoved() throws {
    #expect(try recipe("adapter: null", ["adapter.rank=4"]).adapter?.rank == 4)
    #expect(try recipe("adapter: lora", ["adapter=null"]).adapter == nil)
    #expect(try recipe("adapter: lora", ["adapter="]).adapter == nil)
  }

  @Test func aMandatoryKeyCanComeFromAnArgument() throws {
    #expect(
      try load("method: sft\ndata: {train: x}\n", ["model=small"]).recipe.model.base
        == .name("small"))
  }

  @Test func originsAreKnown() throws {
    let loaded = try load(minimal + "train: {seed: 1}\n", ["train.steps=7", "eval.samples.0=x"])
    #expect(loaded.origin(of: "train.seed") == .file(name: "r.yaml", line: 4))
    #expect(loaded.origin(of: "train.steps") == .override("train.steps=7"))
    #expect(loaded.origin(of: "train.clip") == .byDefault)
    #expect(loaded.origin(of: "model.base") == .file(name: "r.yaml", line: 2))
    #expect(loaded.origin(of: "data.train.0.path") == .file(name: "r.yaml", line: 3))
    #expect(loaded.origin(of: "eval.samples.0") == .override("eval.samples.0=x"))
  }

  @Test func faultsCiteTheArgument() {
    #expect(
      errors(minimal, ["train.lerning_rate=2e-4"]) == """
        argument "train.lerning_rate=2e-4": unknown key "lerning_rate" in train; did you mean \
        "learning_rate"?
            | train.lerning_rate=2e-4
            |       ^~~~~~~~~~~~
        """)
    #expect(
      errors(minimal, ["train.clip=1", "train.seed=x=y"]) == """
        argument "train.seed=x=y": train.seed: expected a whole number of at least 0, found "x=y"
            | train.seed=x=y
            |            ^~~
        """)
  }

  @Test func anArgumentWithoutAValueIsRefused() {
    #expect(
      errors(minimal, ["train.seed"]) == """
        argument "train.seed": an override is written key.path=value: there is no =
            | train.seed
            | ^~~~~~~~~~
        """)
  }

  @Test(arguments: ["=1", ".seed=1", "train.=1", "train..seed=1"])
  func anArgumentWithoutAKeyIsRefused(_ argument: String) {
    #expect(
      messages("", [argument])
        == ["an override is written key.path=value: a key is missing here"])
  }

  @Test(arguments: [
    ("train.seed.x=1", "train.seed is one value here, without parts: give it whole"),
    ("train.betas.0=1", "train.betas is one value here, without parts: give it whole"),
    ("data.train.path=x", "data.train is a list: say which entry by its number, from 0"),
    ("data.train.2.path=x", "data.train ends with entry 0: the next is 1"),
    ("eval.samples.1=x", "eval.samples is empty: the next is 0"),
    ("data.train.-1=x", "data.train is a list: say which entry by its number, from 0"),
  ])
  func aPathThatLeadsNowhereIsRefused(_ argument: String, _ message: String) {
    #expect(messages("", [argument]) == [message])
  }

  @Test func anUnclosedListIsRefused() {
    #expect(
      errors(minimal, ["train.betas=[1,"]) == """
        argument "train.betas=[1,": not valid YAML: did not find expected node content while \
        parsing a flow node of line 1
            | train.betas=[1,
            |                ^
        """)
  }

  @Test func faultsOfFileAndArgumentsComeTogether() {
    #expect(
      messages("train: {sed: 1}", ["eval.evry=2", "nonsense"]) == [
        #"unknown key "sed" in train; did you mean "seed"?"#,
        #"unknown key "evry" in eval; did you mean "every"?"#,
        "an override is written key.path=value: there is no =",
      ])
  }

  @Test func anUnknownSectionIsReportedOnce() {
    #expect(messages("", ["trian.seed=1"]) == [#"unknown key "trian"; did you mean "train"?"#])
  }
}
