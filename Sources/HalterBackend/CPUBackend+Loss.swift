internal import CHalterKernels

extension CPUBackend {
  public func linearCrossEntropy(
    _ hidden: Buffer, count: Int, head: StoredWeights, labels: Buffer, weights: Buffer?,
    logprobs: Buffer, dHidden: Buffer?
  ) {
    check(count * head.columns, hidden, dHidden ?? hidden)
    check(count, logprobs, weights ?? logprobs)
    precondition(labels.holds(count, of: Int32.self))
    precondition((weights == nil) == (dHidden == nil), "a gradient is of weighted losses")
    for row in 0..<count {
      let label = Int(labels.i32[row])
      precondition((0..<head.rows).contains(label), "label \(label)")
    }
    guard count > 0 else { return }
    withMatrix(head) { matrix in
      var loss = hk_cross_entropy(
        rows: count, hidden: hidden.f32, head: matrix,
        compute: compute == .bf16 ? HK_COMPUTE_BF16 : HK_COMPUTE_F32, labels: labels.i32,
        logprobs: logprobs.f32, weights: weights?.f32, d_hidden: dHidden?.f32)
      let isa = instructionSet.code
      let scratch = pool.buffer(byteCount: hk_cross_entropy_scratch(&loss, isa, threads.threads))
      withExtendedLifetime(scratch) {
        hk_cross_entropy_run(&loss, isa, threads.pool, scratch.base)
      }
    }
  }
}
