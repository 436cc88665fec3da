import HalterRandom
import HalterTokenizers
import Testing

@testable import HalterData

/// Rows that are nearly equal, against the overlap of their sets of five words, counted plainly.
@Suite struct LikenessTests {
  private let place = RowLocation(file: "rows.jsonl", line: 1)

  private func text(_ words: [String]) -> Example {
    .text(TextDocument(text: words.joined(separator: " "), location: place))
  }

  private func talk(
    _ question: String, _ answer: String, system: String = ""
  ) -> Example {
    .conversation(
      Conversation(
        messages: [
          Message(role: .system, content: system), Message(role: .user, content: question),
          Message(role: .assistant, content: answer),
        ], location: place))
  }

  private func likeness(_ example: Example) throws -> RowLikeness {
    try #require(RowLikeness(example))
  }

  /// The overlap of two texts, without hashes.
  private func overlap(_ one: [String], _ other: [String]) -> Double {
    func shingles(_ words: [String]) -> Set<[String]> {
      if words.count < 5 { return [words] }
      return Set((0...words.count - 5).map { Array(words[$0..<$0 + 5]) })
    }
    let (one, other) = (shingles(one), shingles(other))
    return Double(one.intersection(other).count) / Double(one.union(other).count)
  }

  private func words(_ count: Int, _ random: inout RandomStream) -> [String] {
    (0..<count).map { _ in "w\(random.next(below: 5000))" }
  }

  /// A text with some words exchanged, close together so that the overlap stays high.
  private func changed(
    _ words: [String], _ count: Int, _ random: inout RandomStream
  ) -> [String] {
    var words = words
    let start = random.next(below: max(1, words.count - count))
    for place in start..<min(start + count, words.count) {
      words[place] = "x\(random.next(below: 5000))"
    }
    return words
  }

  @Test func plantedRepetitionsAreFoundAndOthersAreNot() throws {
    var random = RandomStream(seed: 5)
    var (near, foundNear, far, foundFar) = (0, 0, 0, 0)
    for round in 0..<1600 {
      let length = [12, 80, 120, 300][round % 4]
      let original = words(length, &random)
      // Half of the changes are small enough to leave nine tenths, where the text is long enough.
      let most = round % 8 < 4 ? max(1, length / 60) : length / 2
      let other = changed(original, 1 + random.next(below: most), &random)
      let overlap = overlap(original, other)
      var index = LikenessIndex()
      index.insert(try likeness(text(original)))
      let isFound = index.hasNear(try likeness(text(other)))
      if overlap >= 0.9 {
        near += 1
        foundNear += isFound ? 1 : 0
      } else if overlap <= 0.5 {
        far += 1
        foundFar += isFound ? 1 : 0
      }
    }
    #expect(near > 300 && far > 300, "\(near) and \(far)")
    #expect(Double(foundNear) >= 0.95 * Double(near), "found \(foundNear) of \(near)")
    #expect(foundFar <= 1, "\(foundFar) of \(far) found that are none")
  }

  @Test func estimatesAreCloseToTheOverlap() throws {
    var random = RandomStream(seed: 6)
    var squares = 0.0
    var count = 0
    for round in 0..<600 {
      let length = [8, 40, 300][round % 3]
      let original = words(length, &random)
      let other = changed(original, 1 + random.next(below: length), &random)
      var (one, two) = (WordShingles(), WordShingles())
      one.add(original.joined(separator: " "))
      two.add(other.joined(separator: " "))
      let error =
        MinHashSketch(one.hashes).overlap(with: MinHashSketch(two.hashes))
        - overlap(original, other)
      squares += error * error
      count += 1
    }
    let deviation = (squares / Double(count)).squareRoot()
    #expect(deviation < 0.06, "off by \(deviation)")
  }

  @Test func aHaystackKeepsItsNeedles() throws {
    var random = RandomStream(seed: 7)
    var filter = DuplicateFilter(.near)
    var originals: [[String]] = []
    for _ in 0..<3000 {
      let text = words(60, &random)
      originals.append(text)
      #expect(filter.judge(RowSignature(self.text(text), .near)) == .new)
    }
    var found = 0
    for original in originals {
      let other = changed(original, 1, &random)
      if filter.judge(RowSignature(text(other), .near)) == .near { found += 1 }
    }
    // One word of sixty is in five of 56 shingles: an overlap of 0.836, near the threshold.
    #expect(found > 1800, "\(found)")
    for original in originals {
      #expect(filter.judge(RowSignature(text(original), .near)) == .equal)
    }
  }

  @Test func caseMarksAndSpacingDoNotMatter() throws {
    let one = try likeness(talk("What is a recipe, and why?", "A recipe is data."))
    let two = try likeness(talk("what is  a RECIPE – and\nwhy", "“A recipe” is data!"))
    #expect(one.isNear(two))
    #expect(one == two)
  }

  @Test func anotherAnswerIsNoRepetition() throws {
    var random = RandomStream(seed: 8)
    let question = words(800, &random).joined(separator: " ")
    let one = try likeness(talk(question, "yes, that is quite right I think"))
    #expect(!one.isNear(try likeness(talk(question, "no, that is not at all right"))))
    #expect(one.isNear(try likeness(talk(question, "Yes, that is quite right I think."))))
    let other = words(800, &random).joined(separator: " ")
    #expect(!one.isNear(try likeness(talk(other, "yes, that is quite right I think"))))
  }

  @Test func aCommonSystemTextDoesNotMatter() throws {
    var random = RandomStream(seed: 9)
    let system = words(500, &random).joined(separator: " ")
    let one = try likeness(talk("what is the capital of France", "It is Paris", system: system))
    let two = try likeness(talk("how many legs has a spider", "It has eight", system: system))
    #expect(!one.isNear(two))
    #expect(one.isNear(try likeness(talk("what is the capital of France", "It is Paris"))))
  }

  @Test func shortTextsAreNearOnlyWhenTheirWordsAreEqual() throws {
    let texts = ["a b c", "a b d", "b c", "c b a", "日本", "日本語", "é", "e"]
    let all = try texts.map { try likeness(text([$0])) }
    for (i, one) in all.enumerated() {
      for (j, two) in all.enumerated() { #expect(one.isNear(two) == (i == j), "\(i) \(j)") }
    }
    #expect(RowLikeness(text(["…!?", "«»"])) == nil)
  }

  @Test func textWithoutSpacesHasWords() {
    var shingles = WordShingles()
    shingles.add("これは日本語の文です。")
    #expect(shingles.hashes.count == 10 - 4)
    shingles = WordShingles()
    shingles.add("naïve Ωmega ПРИВЕТ नमस्ते שלום")
    #expect(shingles.hashes.count == 1)
  }

  /// Rows that share a phrase of their layout must not be compared each with each.
  @Test func aCrowdOfAlikeRowsIsNotSlow() throws {
    var random = RandomStream(seed: 10)
    let frame = words(40, &random)
    var index = LikenessIndex()
    for _ in 0..<4000 {
      let row = try likeness(text(frame + words(25, &random)))
      if !index.hasNear(row) { index.insert(row) }
    }
    #expect(index.count == 4000)
  }

  @Test func validationIsHeldAgainstTraining() {
    var train = DuplicateFilter(.near)
    let rows = ["one two three four five six", "a b c d e f g h i j k l m n o p q r s t"]
      .map { text([$0]) }
    for row in rows { #expect(train.judge(RowSignature(row, .near)) == .new) }
    var validation = DuplicateFilter(.near, apartFrom: train)
    let findings = [
      "one two three four five six", "A b c d e f g h i j k l m n o p q r s t", "other", "other",
    ].map { validation.judge(RowSignature(text([$0]), .near)) }
    #expect(findings == [.inOtherSet, .inOtherSet, .new, .equal])
  }
}
