internal import CHalterKernels

extension CPUBackend {
  public func products(_ x: Buffer, count m: Int, _ weights: [StoredWeights], into ys: [Buffer]) {
    precondition(weights.count == ys.count, "\(ys.count) results of \(weights.count) products")
    guard m > 0, let columns = weights.first?.columns else { return }
    precondition(weights.allSatisfy { $0.columns == columns }, "matrices of several widths")
    check(m * columns, x)
    for (one, y) in zip(weights, ys) { check(m * one.rows, y) }
    let outputs = ys.map(\.f32)
    withMatrices(weights[...]) { matrices in
      hk_few_rows_run(
        x.f32, m, matrices, outputs, matrices.count, instructionSet.code, threads.pool)
    }
  }

  /// The kernels' view of several stored weights.
  private func withMatrices(
    _ weights: ArraySlice<StoredWeights>, _ found: [hk_matrix] = [], _ body: ([hk_matrix]) -> Void
  ) {
    guard let first = weights.first else { return body(found) }
    withMatrix(first) { withMatrices(weights.dropFirst(), found + [$0], body) }
  }
}
