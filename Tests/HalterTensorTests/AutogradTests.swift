import HalterBackend
import HalterTensor
import Testing

/// What the graph does: sums, shares, stops and is taken apart.
@Suite struct AutogradTests {
  let backend = CPUBackend(threads: 1)

  private func leaf(_ values: [Float]) -> Tensor {
    Tensor(values, shape: [values.count], on: backend).requiringGradient()
  }

  private func plain(_ values: [Float]) -> Tensor {
    Tensor(values, shape: [values.count], on: backend)
  }

  @Test func gradientsOfTwoBackwardsAdd() throws {
    let x = leaf([1, 2])
    (x * 3).backward(plain([1, 10]))
    #expect(try #require(x.gradient).floats == [3, 30])
    (x * 2).backward(plain([1, 1]))
    #expect(try #require(x.gradient).floats == [5, 32])
  }

  @Test func clearingForgetsTheGradient() throws {
    let x = leaf([1, 2])
    (x * 3).backward(plain([1, 1]))
    x.clearGradient()
    #expect(x.gradient == nil)
    (x * 2).backward(plain([1, 1]))
    #expect(try #require(x.gradient).floats == [2, 2])
  }

  @Test func anInputUsedTwiceGetsBothGradients() throws {
    let x = leaf([3, -2])
    (x * x).backward(plain([1, 1]))
    #expect(try #require(x.gradient).floats == [6, -4])
    let y = leaf([1])
    (y + y).backward()
    #expect(try #require(y.gradient).floats == [2])
  }

  @Test func theSidesOfADiamondMeet() throws {
    let x = leaf([2])
    let shared = x * 3
    let (left, right) = (shared * 5, shared * shared)
    (left + right).backward()
    // d(15 x + 9 x²)/dx at 2
    #expect(try #require(x.gradient).floats == [51])
  }

  @Test func aLongAndAShortWayMeet() throws {
    let x = leaf([1])
    var long = x
    for _ in 0..<20 { long = long * 1 + x }
    (x + long).backward()
    #expect(try #require(x.gradient).floats == [22])
  }

  @Test func manyDiamondsInAChainTakeLinearTime() throws {
    let x = leaf([1])
    var y = x
    // 2^40 ways through the graph.
    for _ in 0..<40 { y = (y + y) * 0.5 }
    y.backward()
    #expect(try #require(x.gradient).floats == [1])
  }

  @Test func onlyLeavesKeepAGradient() {
    let x = leaf([1])
    let y = x * 2
    y.backward()
    #expect(y.gradient == nil && x.gradient != nil)
  }

  @Test func aLeafIsItsOwnDerivative() throws {
    let x = leaf([4])
    x.backward()
    #expect(try #require(x.gradient).floats == [1])
  }

  @Test func nothingFlowsThroughADetachedTensor() throws {
    let x = leaf([2])
    let y = x * 3
    #expect(!y.detached.requiresGradient && y.detached.storage === y.storage)
    (y.detached * x).backward()
    #expect(try #require(x.gradient).floats == [6], "as if y were a constant")
  }

  @Test func withoutGradientsNothingIsRecorded() {
    let x = leaf([2])
    let y = withoutGradients {
      #expect(!gradientsAreRecorded)
      return x * 3 + x
    }
    #expect(!y.requiresGradient && gradientsAreRecorded)
    #expect(y.floats == [8])
  }

  @Test func recordingComesBackAfterAnError() {
    struct Interruption: Error {}
    #expect(throws: Interruption.self) { try withoutGradients { throw Interruption() } }
    #expect((leaf([1]) * 2).requiresGradient)
  }

  @Test func constantsAreNotRecorded() {
    #expect(!(plain([1]) * plain([2])).requiresGradient)
  }

  @Test func aScalarNeedsNoSeed() throws {
    let x = tensor([2], [], backend).requiringGradient()
    (x * x).backward()
    #expect(try #require(x.gradient).scalar == 4)
  }

  @Test func theSeedStaysAsItWas() {
    let (a, b) = (leaf([1, 2]), leaf([3, 4]))
    let seed = plain([5, 7])
    (a + b).backward(seed)
    (a + a + b).backward(seed)
    #expect(seed.floats == [5, 7])
    #expect(a.gradient?.floats == [15, 21] && b.gradient?.floats == [10, 14])
  }

  /// Both inputs of a sum get the same storage as gradient; adding to one must not reach the other.
  @Test func inputsOfASumDoNotShareWhatIsAddedLater() {
    let (a, b) = (leaf([1]), leaf([1]))
    (a + b).backward()
    (a * 4).backward()
    #expect(a.gradient?.floats == [5] && b.gradient?.floats == [1])
    (b * 2).backward()
    (b * 2).backward()
    #expect(a.gradient?.floats == [5] && b.gradient?.floats == [5])
  }

  @Test func sharedGradientsInsideAGraphStayApart() {
    let (a, b) = (leaf([1]), leaf([1]))
    let (x, y) = (a * 2, b * 3)
    // x and y get one gradient from the sum; x gets another from the product.
    let z = (x + y) + x * 10
    z.backward()
    #expect(a.gradient?.floats == [22] && b.gradient?.floats == [3])
  }

  @Test func aGradientInHandIsNotChangedByTheNext() throws {
    let x = leaf([1, 2])
    (x * 3).backward(plain([1, 1]))
    let held = try #require(x.gradient)
    (x * 3).backward(plain([1, 1]))
    #expect(held.floats == [3, 3])
    #expect(x.gradient?.floats == [6, 6])
  }

  @Test func reshapedGradientsDoNotShareWhatIsAddedLater() {
    let x = leaf([1, 2, 3, 4])
    let square = x.reshaped(to: [2, 2])
    let sum = square + square.reshaped(to: [4]).reshaped(to: [2, 2])
    sum.backward(tensor([1, 1, 1, 1], [2, 2], backend))
    (x * 2).backward(plain([1, 1, 1, 1]))
    #expect(x.gradient?.floats == [4, 4, 4, 4] && x.gradient?.shape == [4])
  }

  @Test func aReshapedTensorSharesItsElements() {
    let x = plain([1, 2, 3, 4, 5, 6])
    let y = x.reshaped(to: [2, 3])
    #expect(y.storage === x.storage && y.shape == [2, 3] && y.floats == x.floats)
  }

  @Test func backwardTwiceThroughOneGraphIsABug() async {
    await #expect(processExitsWith: .failure) {
      let x = tensor([1], [1], CPUBackend(threads: 1)).requiringGradient()
      let shared = x * 2
      let (first, second) = (shared * 3, shared * 5)
      first.backward()
      // The way from `shared` to x is gone; silence would lose this gradient.
      second.backward()
    }
  }

  @Test func backwardFromAConstantIsABug() async {
    await #expect(processExitsWith: .failure) {
      tensor([1], [1], CPUBackend(threads: 1)).backward()
    }
  }

  @Test func integersHaveNoGradient() async {
    await #expect(processExitsWith: .failure) {
      _ = Tensor([Int32(1)], shape: [1], on: CPUBackend(threads: 1)).requiringGradient()
    }
  }
}
