import Testing

@testable import HalterRecipes

/// Sources in stated shares.
@Suite struct MixtureTests {
  @Test(arguments: [
    ([900, 100], [0.9, 0.1]), ([900, 900], [0.9, 0.1]), ([10, 5000], [0.9, 0.1]),
    ([7, 11, 13], [0.2, 0.3, 0.5]),
  ]) func weightsGiveTheShares(rows: [Int], shares: [Double]) {
    let weights = Mixture.weights(of: rows, shares: shares)
    let drawn = zip(rows, weights).map { Double($0) * $1 }
    for (count, share) in zip(drawn, shares) {
      #expect(abs(count / drawn.reduce(0, +) - share) < 1e-12)
    }
    // One source comes whole, and none more than once.
    #expect(abs((weights.max() ?? 0) - 1) < 1e-12)
  }

  @Test func sharesAreForAllSourcesAndMakeOne() throws {
    let sources = "data.train=[{path: a.jsonl, share: 0.9}, {path: b.jsonl, share: 0.1}]"
    #expect(try load(minimal, [sources]).recipe.data.train.map(\.share) == [0.9, 0.1])
    #expect(
      messages("", ["data.train=[{path: a.jsonl, share: 0.9}, {path: b.jsonl, share: 0.2}]"]) == [
        "the shares of data.train make 1.1: let them make 1"
      ])
    #expect(
      messages("", ["data.train=[{path: a.jsonl, share: 0.9}, b.jsonl]"]) == [
        "1 of 2 sources have a share: give one to each, or to none"
      ])
    #expect(
      messages("", ["data.train=[{path: a.jsonl, share: 1, weight: 2}]"]) == [
        "share and weight both say how much is drawn of \"a.jsonl\": keep one of them"
      ])
    #expect(
      messages("", ["data.validation=[{path: a.jsonl, share: 1}]"]) == [
        "every validation row is measured once, whatever a share says: delete it"
      ])
  }
}
