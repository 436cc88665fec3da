import HalterData
import Testing

private func row(_ tokens: [Int32], _ weights: [Float]) -> TokenizedRow {
  TokenizedRow(
    tokens: tokens, lossWeights: weights, location: RowLocation(file: "rows.jsonl", line: 1))
}

@Suite struct BatchTests {
  @Test func joinsRowsFlat() {
    let batch = Batch(rows: [row([5, 6, 7], [0, 0, 1]), row([8, 9], [0, 0.5])])
    #expect(batch.tokens == [5, 6, 7, 8, 9])
    #expect(batch.positions == [0, 1, 2, 0, 1])
    #expect(batch.segments == [0, 3, 5])
    #expect(batch.lossWeights == [0, 0, 1, 0, 0.5])
    #expect(batch.rowCount == 2)
    #expect(batch.trainedTokens == 2)
    #expect(batch.weightSum == 1.5)
  }

  @Test func anEmptyBatchIsEmpty() {
    let batch = Batch(rows: [])
    #expect(batch.tokens.isEmpty)
    #expect(batch.segments == [0])
    #expect(batch.trainedTokens == 0)
  }

  @Test func aSegmentNeverStartsWithLoss() {
    let batch = Batch(rows: [row([1, 2], [1, 1]), row([3], [1]), row([4, 5], [1, 1])])
    for start in batch.segments.dropLast() { #expect(batch.lossWeights[Int(start)] == 0) }
    #expect(batch.trainedTokens == 2)
  }

  @Test func aRowOfNoTokensIsAnEmptySegment() {
    let batch = Batch(rows: [row([], []), row([1], [0])])
    #expect(batch.segments == [0, 0, 1])
  }
}
