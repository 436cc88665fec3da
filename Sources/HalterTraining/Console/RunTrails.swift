/// The evaluations of a run so far, as far as later ones are compared with them.
struct EvaluationTrail {
  private(set) var first: EvaluationMetrics?
  private(set) var best: EvaluationMetrics?

  /// Takes note of an evaluation.
  /// - Returns: whether it has the lowest loss so far.
  mutating func note(_ evaluation: EvaluationMetrics) -> Bool {
    if first == nil { first = evaluation }
    if let best, !(evaluation.loss < best.loss) { return false }
    best = evaluation
    return true
  }
}

/// The first and the last answer to each of the fixed prompts.
struct AnswerTrail {
  /// What the model said to one prompt before and after.
  struct Pair {
    let prompt: String
    let first: SampleText
    var last: SampleText
  }

  private(set) var pairs: [Pair] = []

  mutating func note(_ sample: SampleText) {
    if let index = pairs.firstIndex(where: { $0.prompt == sample.prompt }) {
      pairs[index].last = sample
    } else {
      pairs.append(Pair(prompt: sample.prompt, first: sample, last: sample))
    }
  }

  /// An answer in at most so many lines; an ellipsis says where something is left out.
  static func shortened(_ sample: SampleText, columns: Int, lines: Int) -> [String] {
    let text = TerminalText.harmless(sample.text).trimmed
    guard !text.isEmpty else { return ["(no text)"] }
    var wrapped = TerminalText.wrapped(text + (sample.stopped ? "" : " …"), to: columns)
    if wrapped.count > lines {
      wrapped.removeLast(wrapped.count - lines)
      let last = wrapped.removeLast()
      wrapped.append(TerminalText.truncated(last, to: max(1, columns - 2)) + " …")
    }
    return wrapped
  }

  /// A prompt on one line.
  static func oneLine(_ text: String, _ columns: Int) -> String {
    let words = TerminalText.harmless(text).split { $0 == "\n" || $0 == " " }
    return TerminalText.truncated(words.joined(separator: " "), to: columns)
  }
}

extension String {
  /// The text without white space at its ends.
  var trimmed: String {
    var rest = self[...]
    while let first = rest.first, first.isWhitespace { rest.removeFirst() }
    while let last = rest.last, last.isWhitespace { rest.removeLast() }
    return String(rest)
  }
}
