import CHalterKernels
import Testing

@Suite struct DispatchTests {
  @Test func portableKernelsAreAlwaysThere() {
    #expect(hk_isa_available(HK_ISA_PORTABLE))
    #expect(hk_kernels_for(HK_ISA_PORTABLE) != nil)
  }

  @Test func bestInstructionSetIsAvailableAndNothingAboveItIs() {
    let best = hk_best_isa()
    #expect(hk_isa_available(best))
    for isa in [HK_ISA_PORTABLE, HK_ISA_AVX2, HK_ISA_AVX512] where isa.rawValue > best.rawValue {
      #expect(!hk_isa_available(isa))
    }
  }

  /// The dot products of bf16 are there on CPUs that are slower with them.
  @Test func bf16IsChosenWhereItIsFast() {
    #expect((hk_best_isa() == HK_ISA_AVX512BF16) == hk_bf16_is_fast())
    if hk_bf16_is_fast() { #expect(hk_isa_available(HK_ISA_AVX512BF16)) }
  }

  @Test func unknownInstructionSetHasNoKernels() {
    #expect(!hk_isa_available(hk_isa(rawValue: 99)))
    #expect(hk_kernels_for(hk_isa(rawValue: 99)) == nil)
  }

  @Test func eachInstructionSetHasItsOwnTable() {
    let tables = KernelTable.available.map { hk_kernels_for(hk_isa(rawValue: $0.rawValue)) }
    #expect(Set(tables).count == KernelTable.available.count)
  }
}
