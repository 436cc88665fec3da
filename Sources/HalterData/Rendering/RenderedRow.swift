import HalterTokenizers

/// A conversation in tokens, each with its place in the rendered text and its loss weight.
struct RenderedRow {
  /// The conversation as the template wrote it.
  let rendered: RenderedConversation
  /// The tokens, [T].
  private(set) var tokens: [TemplateToken]
  /// The weight of predicting each of them, [T].
  private(set) var weights: [Float]
  /// Where the row stands.
  let location: RowLocation

  /// The tokens of a conversation, none of which carries loss yet.
  init(_ rendered: RenderedConversation, tokens: [TemplateToken], at location: RowLocation) {
    self.rendered = rendered
    self.tokens = tokens
    self.location = location
    weights = Array(repeating: 0, count: tokens.count)
  }

  /// The row to train on.
  var row: TokenizedRow {
    TokenizedRow(tokens: tokens.map(\.id), lossWeights: weights, location: location)
  }

  /// Gives every token a weight.
  mutating func weighAll(_ weight: Float) {
    weights = Array(repeating: weight, count: tokens.count)
  }

  /// Gives every token that has a byte in a range of the text a weight.
  mutating func weigh(_ bytes: Range<Int>, _ weight: Float) {
    for index in places(bytes) { weights[index] = weight }
  }

  /// Keeps the tokens at some places, which ascend. One that did not stand behind the token that it
  /// now stands behind carries no loss: what it would be predicted from is gone.
  mutating func keep(_ places: [Int]) {
    for (before, place) in zip([-1] + places, places) where place != before + 1 {
      weights[place] = 0
    }
    tokens = places.map { tokens[$0] }
    weights = places.map { weights[$0] }
  }

  /// The answers of which a token is trained, and those of them whose last token is a trained stop.
  func trainedAnswers(stops: Set<Int32>) -> (answers: Int, stops: Int) {
    var found = (answers: 0, stops: 0)
    for answer in rendered.answers {
      let places = places(answer.bytes)
      guard places.contains(where: { $0 > 0 && weights[$0] != 0 }), let last = places.last
      else { continue }
      found.answers += 1
      if weights[last] != 0, stops.contains(tokens[last].id) { found.stops += 1 }
    }
    return found
  }

  /// The tokens that have a byte in a range of the text.
  private func places(_ bytes: Range<Int>) -> Range<Int> {
    let start = firstToken { $0.bytes.upperBound > bytes.lowerBound }
    let end = firstToken { $0.bytes.lowerBound >= bytes.upperBound }
    return start..<max(start, end)
  }

  /// The first token from which on a condition holds.
  private func firstToken(where holds: (TemplateToken) -> Bool) -> Int {
    var (low, high) = (0, tokens.count)
    while low < high {
      let middle = (low + high) / 2
      if holds(tokens[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
