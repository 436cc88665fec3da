import Foundation
import HalterRecipes
import Testing

/// The texts of errors, whole.
@Suite struct RecipeErrorTests {
  @Test func everyFaultIsReportedAtOnce() {
    let text = """
      method: sft
      model: small
      adapter: {rnk: 8, rank: 010, rslora: yes}
      data:
        train: rows.jsonl
        on_overflow: dorp
      train:
        lerning_rate: 2e-4
        epochs: three
        seed: -1
      """
    #expect(
      errors(text) == """
        r.yaml:3:11: unknown key "rnk" in adapter; did you mean "rank"?
          3 | adapter: {rnk: 8, rank: 010, rslora: yes}
            |           ^~~
        r.yaml:3:25: adapter.rank: expected a whole number from 1 to 4096, found "010"; some YAML \
        readers take a leading 0 for octal: write it without
          3 | adapter: {rnk: 8, rank: 010, rslora: yes}
            |                         ^~~
        r.yaml:3:38: adapter.rslora: expected true or false, found "yes"; only some YAML readers \
        take it for true: write true
          3 | adapter: {rnk: 8, rank: 010, rslora: yes}
            |                                      ^~~
        r.yaml:6:16: data.on_overflow: expected drop, error, truncate_turns or truncate_left, \
        found "dorp"; did you mean "drop"?
          6 |   on_overflow: dorp
            |                ^~~~
        r.yaml:8:3: unknown key "lerning_rate" in train; did you mean "learning_rate"?
          8 |   lerning_rate: 2e-4
            |   ^~~~~~~~~~~~
        r.yaml:9:11: train.epochs: expected a number greater than 0 and at most 100000, found \
        "three"
          9 |   epochs: three
            |           ^~~~~
        r.yaml:10:9: train.seed: expected a whole number of at least 0, found "-1"
          10 |   seed: -1
             |         ^~
        """)
  }

  @Test func theMandatoryKeysAreAskedFor() {
    #expect(
      errors("adapter: lora\n") == """
        r.yaml:1:1: missing key "method": how to train (sft, pretrain or reward)
          1 | adapter: lora
            | ^
        r.yaml:1:1: missing key "model": what to start from (the name of a model, a path, or a mapping \
        with base and others)
          1 | adapter: lora
            | ^
        r.yaml:1:1: missing key "data": what to train on (a mapping with train, validation and \
        others)
          1 | adapter: lora
            | ^
        """)
  }

  @Test func aMandatoryKeyBelowIsAskedFor() {
    #expect(
      errors("method: sft\nmodel: {revision: x}\ndata: {train_on: all}\n") == """
        r.yaml:2:8: missing key "base" in model: a name that `halter model list` knows, \
        hf:OWNER/NAME, a directory or a .gguf file (the name of a model, a directory or a .gguf \
        file)
          2 | model: {revision: x}
            |        ^
        r.yaml:3:7: missing key "train" in data: the rows to learn from (a path, or a list of \
        paths or mappings)
          3 | data: {train_on: all}
            |       ^
        """)
  }

  @Test func aMisspeltMandatoryKeyIsNotAlsoMissing() {
    #expect(
      errors(minimal.replacing("method", with: "methd")) == """
        r.yaml:1:1: unknown key "methd"; did you mean "method"?
          1 | methd: sft
            | ^~~~~
        """)
  }

  @Test func anUnknownMethodListsTheValidOnes() {
    #expect(
      errors(minimal.replacing("sft", with: "ppo")) == """
        r.yaml:1:9: method: expected sft, pretrain or reward, found "ppo"
          1 | method: ppo
            |         ^~~
        """)
  }

  @Test func duplicateKeysNameBothPlaces() {
    #expect(
      errors(minimal + "train:\n  seed: 1\n  \"seed\": 2\n  clip: 1\n  seed: 3\ntrain: {}\n") == """
        r.yaml:6:3: duplicate key "seed", first given in line 5, column 3: keep one of them
          6 |   "seed": 2
            |   ^~~~~~
        r.yaml:8:3: duplicate key "seed", first given in line 5, column 3: keep one of them
          8 |   seed: 3
            |   ^~~~
        r.yaml:9:1: duplicate key "train", first given in line 4, column 1: keep one of them
          9 | train: {}
            | ^~~~~
        """)
  }

  @Test func anUnknownKeyWithoutANeighbourListsTheKeys() {
    #expect(
      messages("save: {frobnicate: 1}")
        == [#"unknown key "frobnicate" in save; the keys here are every, keep, best_by"#])
  }

  @Test func aKeyOfAnotherSectionIsPointedTo() {
    #expect(
      messages("learning_rate: 1e-4\nadapter: {seed: 3}") == [
        #"unknown key "learning_rate"; did you mean "train.learning_rate"?"#,
        #"unknown key "seed" in adapter; did you mean "train.seed"?"#,
      ])
  }

  @Test(arguments: [
    ("train: {lr: 1}", "lr", "train", "learning_rate"),
    ("adapter: {lora_alpha: 1}", "lora_alpha", "adapter", "alpha"),
    (
      "train: {gradient_accumulation_steps: 1}", "gradient_accumulation_steps", "train",
      "accumulate"
    ),
    ("save: {save_total_limit: 1}", "save_total_limit", "save", "keep"),
  ])
  func namesFromElsewhereAreKnown(_ line: String, _ name: String, _ section: String, _ key: String)
  {
    #expect(
      messages(line) == [#"unknown key "\#(name)" in \#(section); it is called "\#(key)" here"#])
  }

  @Test(arguments: ["1e-4", "[1]", "", "5"])
  func aSectionMustBeAMapping(_ value: String) {
    let found = value.isEmpty ? "no value is given: write a mapping, or delete the key" : nil
    let list = value == "[1]" ? "a list" : "\"\(value)\""
    #expect(
      messages("train: \(value)") == ["train: " + (found ?? "expected a mapping, found \(list)")])
  }

  @Test func aForgottenValueIsNotADefault() {
    #expect(
      messages("train:\n  seed:\n  accumulate: ~\n") == [
        "train.seed: no value is given: write a whole number of at least 0, or delete the key",
        "train.accumulate: no value is given: write a whole number from 1 to 65536, or delete the "
          + "key",
      ])
  }

  @Test func emptyAndOtherRoots() {
    #expect(
      errors("") == "r.yaml:1:1: the recipe is empty: it begins with method\n  1 | \n    | ^")
    #expect(errors("# nothing\n").contains("the recipe is empty"))
    #expect(errors("null").contains("the recipe is empty"))
    #expect(
      errors("- a").hasPrefix(
        "r.yaml:1:1: a recipe: expected a mapping that begins with method, found a list"))
    #expect(errors("sft").contains(#"a mapping that begins with method, found "sft""#))
  }

  @Test func tabsAreNamed() {
    #expect(
      errors(minimal + "train:\n\tseed: 1\n") == """
        r.yaml:5:1: this line is indented with a tab: YAML indents with spaces only
          5 |  seed: 1
            | ^
        """)
  }

  @Test func aSecondDocumentIsRefused() {
    #expect(
      errors(minimal + "---\nmethod: sft\n") == """
        r.yaml:4:1: a second document begins here: a recipe file holds one recipe
          4 | ---
            | ^
        """)
  }

  @Test func syntaxErrorsHaveTheirPlace() {
    #expect(
      errors(minimal + "train: {seed: 1\n") == """
        r.yaml:5:1: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping \
        of line 4
          5 | 
            | ^
        """)
    #expect(
      errors("a: b: c") == """
        r.yaml:1:5: not valid YAML: mapping values are not allowed in this context: text with \
        a colon in it stands in quotes
          1 | a: b: c
            |     ^
        """)
  }

  @Test func controlCharactersAreRefusedAndNotPrinted() {
    #expect(
      errors("model: a\u{1B}[2Jb") == """
        r.yaml:1:9: not valid YAML: control characters are not allowed (U+1B)
          1 | model: a\u{FFFD}[2Jb
            |         ^
        """)
  }

  @Test func anchorsTagsAndMergeKeysAreRefused() {
    #expect(
      messages("train: &t {seed: 1}\neval: *t\n")
        == Array(
          repeating: "anchors and aliases are not part of the recipe language: write the value out",
          count: 1))
    #expect(
      messages("train: {seed: !!int 1}")
        == [#"the tag "!!int" is not part of the recipe language: leave it out"#])
    #expect(
      messages("train: {<<: 1}")
        == ["merge keys are not part of the recipe language: write the keys out"])
    #expect(
      messages("eval: *nothing")
        == ["anchors and aliases are not part of the recipe language: write the value out"])
  }

  @Test func aKeyMustBeAWord() {
    #expect(messages("train: {[a]: 1}") == ["a key must be a word, found a list"])
  }

  @Test func aLongLineIsCropped() {
    let long = String(repeating: "x", count: 200)
    let text = errors(minimal + "eval: {samples: [\(long)], evry: 3}\n")
    #expect(
      text == """
        r.yaml:4:221: unknown key "evry" in eval; did you mean "every"?
          4 | …\(String(repeating: "x", count: 36))], evry: 3}
            | \(String(repeating: " ", count: 40))^~~~
        """)
  }

  @Test func columnsCountCharactersBeyondASCII() {
    #expect(
      errors(minimal + "eval: {samples: [äöü😀], evry: 3}\n") == """
        r.yaml:4:25: unknown key "evry" in eval; did you mean "every"?
          4 | eval: {samples: [äöü😀], evry: 3}
            |                         ^~~~
        """)
  }

  @Test func bytesThatAreNotUTF8AreRefused() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).yaml")
    try Data(Array("method: sft\nmodel: a".utf8) + [0xFF, 0x62]).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let thrown = #expect(throws: RecipeErrors.self) {
      try RecipeLoader.load(path: file.path)
    }
    let issue = try #require(thrown?.issues.first)
    #expect(issue.message == "this is not UTF-8 text: save the recipe as UTF-8")
    #expect(issue.place?.line == 2)
    #expect(issue.place?.column == 9)
  }

  @Test func aHugeFileIsRefusedUnread() {
    let text = String(repeating: "#", count: 1 << 20) + "\n"
    #expect(
      errors(text).hasPrefix(
        "r.yaml:1:1: this file has 1048577 bytes: a recipe has at most 1048576"))
  }

  @Test func issuesAreSortedByPlace() throws {
    let thrown = #expect(throws: RecipeErrors.self) {
      try load("zzz: 1\nmodel: small\ntrain: {zzz: 1}\n", ["b=1", "a=1"])
    }
    let places = try #require(thrown).issues.map { "\($0.place?.description ?? "")" }
    #expect(
      places == [
        "r.yaml:1:1", "r.yaml:1:1", "r.yaml:1:1", "r.yaml:3:9", #"argument "b=1""#,
        #"argument "a=1""#,
      ])
  }
}
