extension Proportion {
  /// The share with its bounds: `77.6 % (65.3 to 86.4 %) of 58`.
  public var words: String {
    guard let share else { return "–" }
    return "\(Quantities.share(share, of: 1)) (\(intervalWords)) of \(Quantities.grouped(count))"
  }

  /// The bounds in percent: `65.3 to 86.4 %`.
  var intervalWords: String {
    guard let interval else { return "–" }
    return "\(Quantities.fixed(100 * interval.low, 1)) to "
      + "\(Quantities.fixed(100 * interval.high, 1)) %"
  }
}

extension EvaluationMetrics {
  /// What the loss means: the accuracy where answers are compared, or else the perplexity.
  var meaning: (label: String, value: String) {
    guard let accuracy = preferences?.accuracy else {
      return ("perplexity", Quantities.perplexity(loss))
    }
    return ("accuracy", Quantities.share(accuracy.share ?? 0, of: 1))
  }
}

extension RunHeader {
  /// What of the tokens of an epoch is learnt from.
  func tokens(_ count: (Int) -> String) -> String {
    let all = "\(count(tokensPerEpoch)) an epoch, "
    if let answers = scoredAnswersPerEpoch { return all + "\(count(answers)) answers to score" }
    return all + "\(count(trainedTokensPerEpoch)) of them trained"
  }
}
