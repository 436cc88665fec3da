import HalterBackend
import Testing

/// The CPU, with each of its instruction sets, against the definitions.
@Suite struct CPUConformanceTests {
  static let sets = InstructionSet.allCases.filter(\.isAvailable)

  private func expectConformance(
    _ operation: BackendConformance.Operation, _ set: InstructionSet,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let conformance = BackendConformance { CPUBackend(threads: 2, instructionSet: set) }
    #expect(conformance.disagreements(operation) == [], sourceLocation: sourceLocation)
  }

  @Test(arguments: sets) func fill(set: InstructionSet) { expectConformance(.fill, set) }

  @Test(arguments: sets) func copy(set: InstructionSet) { expectConformance(.copy, set) }

  @Test(arguments: sets) func add(set: InstructionSet) { expectConformance(.add, set) }

  @Test(arguments: sets) func multiply(set: InstructionSet) { expectConformance(.multiply, set) }

  @Test(arguments: sets) func scale(set: InstructionSet) { expectConformance(.scale, set) }

  @Test(arguments: sets) func accumulate(set: InstructionSet) {
    expectConformance(.accumulate, set)
  }

  @Test(arguments: sets) func swiglu(set: InstructionSet) { expectConformance(.swiglu, set) }

  @Test(arguments: sets) func swigluBackward(set: InstructionSet) {
    expectConformance(.swigluBackward, set)
  }

  @Test(arguments: sets) func dropout(set: InstructionSet) { expectConformance(.dropout, set) }

  @Test(arguments: sets) func sumOfSquares(set: InstructionSet) {
    expectConformance(.sumOfSquares, set)
  }

  @Test(arguments: sets) func convertToBF16(set: InstructionSet) {
    expectConformance(.convertToBF16, set)
  }

  @Test(arguments: sets) func convertFromBF16(set: InstructionSet) {
    expectConformance(.convertFromBF16, set)
  }

  @Test(arguments: sets) func decode(set: InstructionSet) { expectConformance(.decode, set) }

  @Test(arguments: sets) func store(set: InstructionSet) { expectConformance(.store, set) }

  @Test(arguments: sets) func gatherStoredRows(set: InstructionSet) {
    expectConformance(.gatherStoredRows, set)
  }

  @Test(arguments: sets) func decodeRows(set: InstructionSet) {
    expectConformance(.decodeRows, set)
  }

  @Test(arguments: sets) func storedProduct(set: InstructionSet) {
    expectConformance(.storedProduct, set)
  }

  @Test(arguments: sets) func storedTransposedProduct(set: InstructionSet) {
    expectConformance(.storedTransposedProduct, set)
  }

  @Test(arguments: sets) func rmsNorm(set: InstructionSet) { expectConformance(.rmsNorm, set) }

  @Test(arguments: sets) func rmsNormBackward(set: InstructionSet) {
    expectConformance(.rmsNormBackward, set)
  }

  @Test(arguments: sets) func addBias(set: InstructionSet) { expectConformance(.addBias, set) }

  @Test(arguments: sets) func addColumnSums(set: InstructionSet) {
    expectConformance(.addColumnSums, set)
  }

  @Test(arguments: sets) func gatherRows(set: InstructionSet) {
    expectConformance(.gatherRows, set)
  }

  @Test(arguments: sets) func scatterAddRows(set: InstructionSet) {
    expectConformance(.scatterAddRows, set)
  }

  @Test(arguments: sets) func scaleColumns(set: InstructionSet) {
    expectConformance(.scaleColumns, set)
  }

  @Test(arguments: sets) func rope(set: InstructionSet) { expectConformance(.rope, set) }

  @Test(arguments: sets) func matmul(set: InstructionSet) { expectConformance(.matmul, set) }

  @Test(arguments: sets) func attention(set: InstructionSet) { expectConformance(.attention, set) }

  @Test(arguments: sets) func attentionBackward(set: InstructionSet) {
    expectConformance(.attentionBackward, set)
  }

  @Test(arguments: sets) func cachedAttention(set: InstructionSet) {
    expectConformance(.cachedAttention, set)
  }

  @Test(arguments: sets) func crossEntropy(set: InstructionSet) {
    expectConformance(.crossEntropy, set)
  }

  @Test(arguments: sets) func adamW(set: InstructionSet) { expectConformance(.adamW, set) }

  @Test(arguments: sets) func adamW8bit(set: InstructionSet) {
    expectConformance(.adamW8bit, set)
  }

  /// Codes that lie on a bound would differ by rounding, so nothing of it differs.
  @Test(arguments: sets) func instructionSetsChangeNoBitOfMomentsIn8Bits(set: InstructionSet) {
    let fast = BackendConformance { CPUBackend(threads: 1, instructionSet: set) }
    let portable = BackendConformance { CPUBackend(threads: 1, instructionSet: .portable) }
    #expect(fast.disagreements(.adamW8bit, with: portable, toTheBit: true) == [])
  }

  /// Every operation has its check above, and each of them notices an error of one percent.
  @Test(arguments: BackendConformance.Operation.allCases)
  func aBrokenOperationIsFound(operation: BackendConformance.Operation) {
    let broken = BackendConformance {
      PerturbedBackend(CPUBackend(threads: 1), breaking: operation)
    }
    #expect(!broken.disagreements(operation, limit: 1).isEmpty)
    let whole = BackendConformance { CPUBackend(threads: 1) }
    #expect(!broken.disagreements(operation, with: whole, toTheBit: true, limit: 1).isEmpty)
    #expect(!broken.disagreements(operation, with: whole, toTheBit: false, limit: 1).isEmpty)
  }

  @Test(arguments: BackendConformance.Operation.allCases, [2, 3])
  func threadsChangeNoBit(operation: BackendConformance.Operation, threads: Int) {
    let many = BackendConformance { CPUBackend(threads: threads) }
    let one = BackendConformance { CPUBackend(threads: 1) }
    #expect(many.disagreements(operation, with: one, toTheBit: true) == [])
  }

  @Test(arguments: sets.filter { $0 != .portable }, BackendConformance.Operation.allCases)
  func instructionSetsAgree(set: InstructionSet, operation: BackendConformance.Operation) {
    let fast = BackendConformance { CPUBackend(threads: 1, instructionSet: set) }
    let portable = BackendConformance { CPUBackend(threads: 1, instructionSet: .portable) }
    #expect(fast.disagreements(operation, with: portable, toTheBit: false) == [])
  }

  /// What decides which numbers are stored or dropped must not even differ by rounding.
  @Test(
    arguments: sets.filter { $0 != .portable },
    [
      .decode, .store, .gatherStoredRows, .decodeRows, .convertToBF16, .convertFromBF16, .dropout,
    ] as [BackendConformance.Operation])
  func exactOperationsAgreeToTheBit(
    set: InstructionSet, operation: BackendConformance.Operation
  ) {
    let fast = BackendConformance { CPUBackend(threads: 1, instructionSet: set) }
    let portable = BackendConformance { CPUBackend(threads: 1, instructionSet: .portable) }
    #expect(fast.disagreements(operation, with: portable, toTheBit: true) == [])
  }
}
