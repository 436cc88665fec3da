import HalterRecipes
import Testing

/// What single values refuse, and what they say.
@Suite struct RecipeScalarTests {
  @Test(arguments: [
    ("1_000", "; write it without underscores"), ("1_0", "; write it without underscores"),
    ("010", "; some YAML readers take a leading 0 for octal: write it without"),
    ("00", "; some YAML readers take a leading 0 for octal: write it without"),
    ("0x10", "; write it in decimal digits"), ("0o17", "; write it in decimal digits"),
    ("0b1", "; write it in decimal digits"), (".inf", "; only finite numbers make sense here"),
    ("-.INF", "; only finite numbers make sense here"),
    (".nan", "; only finite numbers make sense here"),
    ("NaN", "; only finite numbers make sense here"), ("3.0", "; write 3"), ("1e3", "; write 1000"),
    ("2.5", ""), ("-1", ""), ("99999999999999999999", ""), ("3 steps", ""), ("１", ""), ("+", ""),
    ("1e", ""), (".", ""), ("1.e", ""), ("--1", ""), ("1,000", ""), ("true", ""), ("0", ""),
    ("٣", ""),
  ])
  func wholeNumbersRefuse(_ text: String, _ mend: String) {
    #expect(
      messages("", ["train.accumulate=\(text)"]) == [
        "train.accumulate: expected a whole number from 1 to 65536, found \"\(text)\"\(mend)"
      ])
  }

  @Test(arguments: [
    ("5%", "; write it as a share: 0.05"), ("1e999", ""), ("0", ""), ("2", ""), ("-1e-4", ""),
    ("2e-4f", ""), ("1e-4_0", ""), ("0,1", ""), ("NAN", "; only finite numbers make sense here"),
    ("0x1p-4", "; write it in decimal digits"), ("2e-4 ", ""), ("1e-999", ""),
  ])
  func numbersRefuse(_ text: String, _ mend: String) {
    #expect(
      messages("", ["train.learning_rate=\(text)"]) == [
        "train.learning_rate: expected a number greater than 0 and at most 1, found "
          + "\"\(text)\"\(mend)"
      ])
  }

  @Test func quotedNumbersAreText() {
    #expect(
      messages("train: {seed: '5', learning_rate: \"2e-4\"}") == [
        "train.seed: expected a whole number of at least 0, found the text \"5\"; "
          + "remove the quotes",
        "train.learning_rate: expected a number greater than 0 and at most 1, found the text "
          + "\"2e-4\"; remove the quotes",
      ])
  }

  @Test(arguments: [
    ("yes", "; only some YAML readers take it for true: write true"),
    ("On", "; only some YAML readers take it for true: write true"),
    ("1", "; only some YAML readers take it for true: write true"),
    ("no", "; only some YAML readers take it for false: write false"),
    ("OFF", "; only some YAML readers take it for false: write false"),
    ("0", "; only some YAML readers take it for false: write false"),
    ("True", "; write true"), ("FALSE", "; write false"), ("maybe", ""),
  ])
  func truthValuesRefuse(_ text: String, _ mend: String) {
    #expect(
      messages("adapter: {rslora: \(text)}")
        == ["adapter.rslora: expected true or false, found \"\(text)\"\(mend)"])
  }

  @Test func quotedTruthValuesAreText() {
    #expect(
      messages("adapter: {rslora: 'true'}")
        == ["adapter.rslora: expected true or false, found the text \"true\"; remove the quotes"])
  }

  @Test(arguments: [
    "adapter: {dropout: 1}", "adapter: {dropout: -0.1}", "adapter: {alpha: 0}",
    "adapter: {rank: 0}", "adapter: {rank: 5000}", "data: {train: x, max_length: 1}",
    "train: {batch_tokens: 0}", "train: {clip: 0}", "train: {epsilon: 0}",
    "train: {weight_decay: 2}", "train: {threads: 0}", "train: {epochs: 0}", "train: {steps: 0}",
    "train: {schedule: {floor: 1.5}}", "eval: {every: 0, samples: [a]}",
    "eval: {max_new_tokens: 0}", "save: {keep: 0}", "train: {betas: [0.9, 1]}",
    "train: {betas: [0.9]}", "train: {betas: 0.9}", "train: {warmup: -1}", "train: {warmup: -0.5}",
  ])
  func valuesOutOfRangeAreRefused(_ line: String) {
    let lines = line.hasPrefix("data") ? "" : minimal
    let text = lines.isEmpty ? "method: sft\nmodel: a\n\(line)" : lines + line
    #expect(errors(text).contains(": expected "), "\(line) is accepted")
  }

  @Test func aShareOfWarmupIsBelowOne() {
    let words = "expected a number of steps, as 20, or a share of them below 1, as 0.05, found"
    #expect(
      messages("train: {warmup: 1.0}") == ["train.warmup: \(words) \"1.0\"; for steps write 1"])
    #expect(messages("train: {warmup: 1.5}") == ["train.warmup: \(words) \"1.5\""])
    #expect(
      messages("train: {warmup: 5%}") == [
        "train.warmup: \(words) \"5%\"; write it as a share: 0.05"
      ])
  }

  @Test(arguments: [
    ("all-liner", "; did you mean \"all-linear\"?"),
    ("all_linear", "; did you mean \"all-linear\"?"),
    ("'(q'", "; this is no valid regular expression"), ("{a: 1}", ""),
    ("[]", "; the list is empty"),
  ])
  func targetsRefuse(_ value: String, _ mend: String) {
    let found =
      switch value {
      case "{a: 1}": "a mapping"
      case "[]": "a list"
      case "'(q'": "the text \"(q\""
      default: "\"\(value)\""
      }
    #expect(
      messages("adapter: {targets: \(value)}") == [
        "adapter.targets: expected all-linear, a list of layer names, or a regular expression, "
          + "found \(found)\(mend)"
      ])
  }

  @Test func targetNamesAreChecked() {
    #expect(
      messages("adapter: {targets: [q_proj, all-linear, 'a*', q_proj]}") == [
        #"adapter.targets: expected the name of a layer, as q_proj, found "all-linear""#,
        #"adapter.targets: expected the name of a layer, as q_proj, found the text "a*""#,
        #"adapter.targets: "q_proj" is in the list twice"#,
      ])
  }

  @Test(arguments: ["3-1", "-1", "a", "1-", "1-2-3", "[]", "1.0", "99999", "[[1]]", "{a: 1}", "+1"])
  func layersRefuse(_ value: String) {
    let text = messages("adapter: {layers: \(value)}").first ?? ""
    #expect(
      text.hasPrefix(
        "adapter.layers: expected block numbers: 3, a range as 0-11, or a list of these, found"))
  }

  @Test func aMisspeltDefaultIsNoDirectory() {
    #expect(
      messages("adapter: {init: defualt}") == [
        "adapter.init: expected default, or the directory of an adapter, found \"defualt\"; "
          + "did you mean \"default\"?"
      ])
  }

  @Test func listsAreNotEmptyWhereTheyMustNotBe() {
    #expect(
      errors("method: sft\nmodel: a\ndata: {train: []}").contains(
        "data.train: expected a path, or a list of paths or mappings, found an empty list"))
  }

  @Test func textIsNotEmpty() {
    #expect(
      messages("eval: {samples: ['', a, [b]]}") == [
        "eval.samples.0: expected a prompt, found the text \"\"",
        "eval.samples.2: expected a prompt, found a list",
      ])
  }

  @Test func samplesAreAList() {
    #expect(
      messages("eval: {samples: What?}")
        == ["eval.samples: expected a list of prompts, found \"What?\""])
  }

  @Test func pathsAreText() {
    #expect(messages("output: [a]") == ["output: expected a folder, found a list"])
    #expect(messages("output: \"a\\0b\"").first?.hasPrefix("output: expected a path") == true)
  }
}
