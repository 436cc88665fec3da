import HalterBackend

extension Tensor {
  /// x · Wᵢᵀ for several frozen matrices as one operation, f32, without a gradient: for few rows,
  /// where starting each product apart would cost as much as the product.
  public func products(with matrices: [any FrozenMatrix]) -> [Tensor] {
    precondition(!gradientsAreRecorded, "several products at once have no gradient")
    let ys = matrices.map { matrix in
      precondition(
        shape.columns == matrix.columns, "rows of \(shape.columns) into \(matrix.columns)")
      return Tensor(uninitialized: shape.replacingColumns(matrix.rows), on: backend)
    }
    backend.products(
      storage, count: shape.rows, matrices.map(\.weights), into: ys.map(\.storage))
    return ys
  }
}
