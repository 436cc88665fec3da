import HalterData
import HalterRandom
import Testing

@Suite struct BatchPlannerTests {
  /// Lengths as real data has them: many short, few long.
  static func lengths(_ count: Int, seed: UInt64 = 3) -> [Int] {
    var random = RandomStream(seed: seed)
    return (0..<count).map { _ in
      random.next(below: 10) == 0 ? 200 + random.next(below: 800) : 10 + random.next(below: 120)
    }
  }

  /// Lengths that are spread as those of a known set, given the quantiles of that set.
  static func lengths(_ count: Int, like quantiles: [Int]) -> [Int] {
    var random = RandomStream(seed: 8)
    return (0..<count).map { _ in
      let place = random.next(below: quantiles.count - 1)
      let (low, high) = (quantiles[place], quantiles[place + 1])
      return low + random.next(below: high - low + 1)
    }
  }

  /// Sixteenths of the lengths of `datasets/handbook` under the tokenizer of SmolLM2.
  static let handbook = [
    47, 60, 65, 67, 69, 71, 73, 75, 78, 80, 84, 87, 91, 97, 107, 137, 269,
  ]
  /// Sixteenths of the lengths of a sample of Stanford Alpaca under the same tokenizer.
  static let alpaca = [
    27, 37, 44, 50, 59, 70, 92, 115, 140, 166, 200, 238, 281, 322, 365, 411, 722,
  ]

  // MARK: - Every row, within the budget

  @Test(arguments: [0, 1, 2, 31, 1000], [1, 3]) func everyRowOnceAnEpoch(
    count: Int, accumulate: Int
  ) {
    for budget in [BatchPlanner.Budget.tokens(512), .rows(4)] {
      let planner = BatchPlanner(
        lengths: Self.lengths(count), budget: budget, accumulate: accumulate, seed: 1)
      for epoch in 0..<3 {
        let rows = planner.epoch(epoch).steps.flatMap(\.self).flatMap(\.self)
        #expect(rows.sorted() == Array(0..<count))
      }
    }
  }

  @Test func everyPlanIsWholeWhateverTheLengths() {
    var random = RandomStream(seed: 77)
    for seed in 0..<200 as Range<UInt64> {
      let (count, longest) = (random.next(below: 80), 1 + random.next(below: 200))
      let lengths = (0..<count).map { _ in random.next(below: longest) }
      let limit = 1 + random.next(below: 150)
      let plan = BatchPlanner(lengths: lengths, budget: .tokens(limit), seed: seed).epoch(2)
      #expect(plan.microBatches.flatMap(\.self).sorted() == Array(0..<count))
      var used = 0
      for batch in plan.microBatches {
        let tokens = batch.reduce(0) { $0 + lengths[$1] }
        #expect(!batch.isEmpty && (tokens <= limit || batch.count == 1))
        used += min(tokens, limit)
      }
      let room = plan.microBatches.count * limit
      let waste = room == 0 ? 0 : Double(room - used) / Double(room)
      #expect(abs(plan.waste - waste) < 1e-12)
    }
  }

  @Test(arguments: [1, 64, 512, 2048, 5000, 100_000]) func tokenBudgetHolds(limit: Int) {
    let lengths = Self.lengths(700)
    let planner = BatchPlanner(lengths: lengths, budget: .tokens(limit), seed: 9)
    for batch in planner.epoch(0).microBatches {
      let tokens = batch.reduce(0) { $0 + lengths[$1] }
      #expect(tokens <= limit || batch.count == 1)
      #expect(!batch.isEmpty)
    }
  }

  @Test func rowBudgetHolds() {
    let planner = BatchPlanner(lengths: Self.lengths(103), budget: .rows(4), seed: 9)
    let plan = planner.epoch(5)
    #expect(plan.microBatches.map(\.count).sorted() == [3] + [Int](repeating: 4, count: 25))
    #expect(plan.waste == 0)
  }

  // MARK: - Packing

  @Test(
    "batches are full of real rows, whatever their lengths (complaint 13)",
    arguments: [1024, 2048, 4096], [0, 1, 2]) func nextToNothingIsWasted(
      limit: Int, epoch: Int
    )
  {
    for quantiles in [Self.handbook, Self.alpaca] {
      let lengths = Self.lengths(3000, like: quantiles)
      let plan = BatchPlanner(lengths: lengths, budget: .tokens(limit), seed: 42).epoch(epoch)
      #expect(plan.waste < 0.02)
      let least = (lengths.reduce(0, +) + limit - 1) / limit
      #expect(plan.microBatchCount <= least + 1 + least / 100)
    }
  }

  @Test func aSmallSetNeedsNoMoreBatchesThanItsTokensFill() {
    for (quantiles, count) in [(Self.handbook, 328), (Self.alpaca, 999)] {
      let lengths = Self.lengths(count, like: quantiles)
      for epoch in 0..<4 {
        let plan = BatchPlanner(lengths: lengths, budget: .tokens(2048), seed: 1).epoch(epoch)
        #expect(plan.microBatchCount == (lengths.reduce(0, +) + 2047) / 2048)
      }
    }
  }

  @Test func wasteIsWhatNoPackingCanUse() {
    // Two rows of 700 leave 648 of 2048 tokens, in which no third has room.
    let planner = BatchPlanner(
      lengths: [Int](repeating: 700, count: 100), budget: .tokens(2048), seed: 1)
    #expect(planner.epoch(0).microBatchCount == 50)
    #expect(abs(planner.epoch(0).waste - 648.0 / 2048) < 1e-12)
    // A row that is longer than the budget leaves nothing.
    #expect(BatchPlanner(lengths: [50, 9], budget: .tokens(9), seed: 1).epoch(0).waste == 0)
  }

  @Test func rowsOfCountedBatchesAreOfSimilarLength() {
    let lengths = Self.lengths(2000)
    func spread(_ batches: [[Int]]) -> Double {
      let spreads = batches.map { batch in
        Double((batch.map { lengths[$0] }.max() ?? 0) - (batch.map { lengths[$0] }.min() ?? 0))
      }
      return spreads.reduce(0, +) / Double(spreads.count)
    }
    let planner = BatchPlanner(lengths: lengths, budget: .rows(16), seed: 9)
    #expect(spread(planner.epoch(0).microBatches) < 0.25 * spread(planner.inOrder()))
  }

  @Test func batchesAreNotSortedByLength() {
    let lengths = Self.lengths(2000)
    for budget in [BatchPlanner.Budget.tokens(1024), .rows(8)] {
      let planner = BatchPlanner(lengths: lengths, budget: budget, seed: 9)
      let firsts = planner.epoch(0).microBatches.map { lengths[$0[0]] }
      let rises = zip(firsts, firsts.dropFirst()).count { $0 < $1 }
      #expect(rises > firsts.count / 4)
      #expect(rises < firsts.count * 3 / 4)
    }
  }

  // MARK: - Seeds, epochs, resuming

  @Test func sameSeedSamePlan() {
    let lengths = Self.lengths(300)
    let one = BatchPlanner(lengths: lengths, budget: .tokens(512), accumulate: 2, seed: 42)
    let two = BatchPlanner(lengths: lengths, budget: .tokens(512), accumulate: 2, seed: 42)
    #expect(one.epoch(3) == two.epoch(3))
  }

  @Test func seedsAndEpochsDiffer() {
    let lengths = Self.lengths(300)
    let one = BatchPlanner(lengths: lengths, budget: .tokens(512), seed: 42)
    let two = BatchPlanner(lengths: lengths, budget: .tokens(512), seed: 43)
    #expect(one.epoch(0).microBatches != two.epoch(0).microBatches)
    #expect(one.epoch(0).microBatches != one.epoch(1).microBatches)
    // Not only the order of batches: rows meet other rows.
    func packs(_ epoch: Int) -> Set<Set<Int>> {
      Set(one.epoch(epoch).microBatches.map(Set.init).filter { $0.count > 1 })
    }
    #expect(packs(0).count > 20)
    #expect(packs(0).intersection(packs(1)).count <= 1)
  }

  @Test func resumingEqualsGoingThrough() throws {
    let planner = BatchPlanner(
      lengths: Self.lengths(200), budget: .tokens(512), accumulate: 3, seed: 42)
    let all = (0..<4).flatMap { planner.epoch($0).steps }
    #expect(all.count == planner.stepCount(epochs: 4))
    for step in all.indices {
      let place = try #require(planner.position(ofStep: step))
      let resumed = BatchPlanner(
        lengths: Self.lengths(200), budget: .tokens(512), accumulate: 3, seed: 42)
      #expect(try #require(resumed.position(ofStep: step)) == place)
      #expect(resumed.epoch(place.epoch).step(place.step) == all[step])
    }
  }

  @Test func lastStepMayHaveFewerMicroBatches() {
    let planner = BatchPlanner(
      lengths: [Int](repeating: 10, count: 7), budget: .rows(1), accumulate: 3, seed: 0)
    #expect(planner.epoch(0).steps.map(\.count) == [3, 3, 1])
    #expect(planner.stepCount(epochs: 2) == 6)
  }

  @Test func evaluationKeepsTheOrder() {
    let planner = BatchPlanner(
      lengths: [5, 5, 20, 1, 9], sources: [RowSource(rows: 0..<5, weight: 0.5)],
      budget: .tokens(10), seed: 0)
    #expect(planner.inOrder() == [[0, 1], [2], [3, 4]])
  }

  @Test func noRowsNoSteps() {
    let planner = BatchPlanner(lengths: [], budget: .tokens(10), seed: 0)
    #expect(planner.epoch(0).stepCount == 0)
    #expect(planner.position(ofStep: 0) == nil)
    #expect(planner.inOrder().isEmpty)
  }

  @Test func theOrderIsTheSameEverywhere() {
    // Golden values of a second implementation: a change here breaks resuming earlier runs.
    let planner = BatchPlanner(
      lengths: [3, 9, 4, 1, 8, 2, 7, 5], budget: .tokens(10), accumulate: 2, seed: 42)
    #expect(planner.epoch(0).microBatches == [[5, 4], [0, 6], [2, 7, 3], [1]])
    #expect(planner.epoch(1).microBatches == [[1, 3], [2, 7], [0, 6], [5, 4]])
    let mixed = BatchPlanner(
      lengths: [3, 9, 4, 1, 8, 2, 7, 5, 6, 10, 12, 2],
      sources: [RowSource(rows: 0..<5, weight: 0.5), RowSource(rows: 5..<12, weight: 1.5)],
      budget: .tokens(10), seed: 7)
    #expect(
      mixed.epoch(0).microBatches
        == [[7, 7], [10], [10], [6], [8, 5, 11], [9], [9], [1, 3], [2, 8]])
    #expect(
      mixed.epoch(1).microBatches == [[7, 5, 11], [8, 11], [10], [5, 4], [6, 0], [9], [6]])
  }
}
