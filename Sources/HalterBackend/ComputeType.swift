internal import CHalterKernels

/// What products with frozen weights compute with. Sums are in f32 always.
public enum ComputeType: String, Sendable, CaseIterable {
  /// Factors as they are.
  case f32
  /// Factors rounded to bf16 first.
  case bf16
}
