import HalterBackend
import Testing

/// `HALTER_ISA`, the wish for an instruction set.
@Suite struct InstructionSetTests {
  @Test func nothingMeansTheBest() throws {
    #expect(try InstructionSet(environment: [:]) == .best)
    #expect(try InstructionSet(environment: ["HALTER_ISA": ""]) == .best)
  }

  @Test(arguments: CPUConformanceTests.sets)
  func aNameMeansTheSet(set: InstructionSet) throws {
    #expect(try InstructionSet(environment: ["HALTER_ISA": set.name]) == set)
    #expect(CPUBackend(threads: 1, instructionSet: set).instructionSet == set)
  }

  @Test func aNameThatNobodyKnowsIsRefused() {
    let error = #expect(throws: InstructionSetError.self) {
      try InstructionSet(environment: ["HALTER_ISA": "mmx"])
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("HALTER_ISA: mmx is no instruction set that Halter knows."))
    #expect(text.contains("portable"))
  }

  /// Only a CPU whose dot products of bf16 are fast computes in bf16 unasked.
  @Test func theFastestComputeIsThatOfTheBestSet() {
    #expect((InstructionSet.best.fastestCompute == .bf16) == (InstructionSet.best == .avx512bf16))
    #expect(InstructionSet.portable.fastestCompute == .f32)
    #expect(InstructionSet.avx512.fastestCompute == .f32)
  }
}
