import HalterBackend

/// A dense, row-major array on a device, and its place in the graph if it needs a gradient.
///
/// A tensor is a value: operations make new ones. It is not `Sendable`; training runs on one
/// thread and the device works in parallel inside an operation.
public struct Tensor {
  /// The extents, outermost first.
  public let shape: Shape
  /// The element type.
  public let dtype: DType
  /// The elements.
  public internal(set) var storage: Buffer
  /// The device that the tensor lives on.
  public let backend: any Backend
  let node: GraphNode?
  /// Computes the elements again from what the graph keeps anyway, if that is cheap: then a
  /// gradient that needs them later does not keep them (`Saved`).
  let recomputation: (() -> Tensor)?

  init(
    shape: Shape, dtype: DType, storage: Buffer, backend: any Backend, node: GraphNode? = nil,
    recomputation: (() -> Tensor)? = nil
  ) {
    precondition(storage.byteCount >= shape.count * dtype.byteCount)
    self.shape = shape
    self.dtype = dtype
    self.storage = storage
    self.backend = backend
    self.node = node
    self.recomputation = recomputation
  }

  /// The number of elements.
  public var count: Int { shape.count }

  /// The elements as operations on numbers take them.
  public var elements: Elements { Elements(storage, dtype) }

  /// Whether a gradient flows into this tensor when `backward` runs.
  public var requiresGradient: Bool { node != nil }

  /// The type that the gradient of this tensor has.
  var gradientType: DType { node?.gradientType ?? .f32 }

  /// The same elements outside the graph.
  public var detached: Tensor {
    Tensor(shape: shape, dtype: dtype, storage: storage, backend: backend)
  }

  /// The same elements as a new leaf of the graph: `backward` leaves a gradient in it.
  public func requiringGradient() -> Tensor {
    precondition(dtype == .f32, "only f32 tensors have gradients, this one is \(dtype)")
    return Tensor(
      shape: shape, dtype: dtype, storage: storage, backend: backend, node: GraphNode(leaf: true))
  }

  /// The gradient that `backward` has summed into this leaf, nil before the first.
  public var gradient: Tensor? { node?.gradient }

  /// Forgets the gradient of this leaf.
  public func clearGradient() { node?.gradient = nil }

  /// The same elements in another shape with as many elements.
  public func reshaped(to shape: Shape) -> Tensor {
    precondition(shape.count == count, "\(self.shape) cannot become \(shape)")
    let old = self.shape
    let result = Tensor(shape: shape, dtype: dtype, storage: storage, backend: backend)
    return result.recorded(from: [self], gradientType: gradientType) { [$0.reshaped(to: old)] }
  }
}

/// The elements of a tensor as a gradient function keeps them: the tensor itself, or, where it is
/// cheap to compute again, the way to do so.
struct Saved {
  /// The elements, outside the graph.
  let value: () -> Tensor

  init(_ tensor: Tensor) {
    let detached = tensor.detached
    value = tensor.recomputation ?? { detached }
  }
}

extension Tensor {
  /// A tensor of f32 values.
  public init(_ values: [Float], shape: Shape, on backend: any Backend) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.init(uninitialized: shape, dtype: .f32, on: backend)
    storage.write(values)
  }

  /// A tensor of i32 values.
  public init(_ values: [Int32], shape: Shape, on backend: any Backend) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.init(uninitialized: shape, dtype: .i32, on: backend)
    storage.write(values)
  }

  /// A tensor with undefined contents, for an operation to fill.
  public init(uninitialized shape: Shape, dtype: DType = .f32, on backend: any Backend) {
    self.init(
      shape: shape, dtype: dtype,
      storage: backend.allocate(byteCount: max(1, shape.count) * dtype.byteCount),
      backend: backend)
  }

  /// A tensor of f32 zeros.
  public init(zeros shape: Shape, on backend: any Backend) {
    self.init(filled: 0, shape: shape, on: backend)
  }

  /// A tensor of f32 values that are all the same.
  public init(filled value: Float, shape: Shape, on backend: any Backend) {
    self.init(uninitialized: shape, on: backend)
    backend.fill(storage, count: shape.count, with: value)
  }

  /// The elements of an f32 tensor on the host.
  public var floats: [Float] {
    precondition(dtype == .f32, "tensor of \(dtype) read as f32")
    return storage.read(Float.self, count: count)
  }

  /// The elements of an i32 tensor on the host.
  public var integers: [Int32] {
    precondition(dtype == .i32, "tensor of \(dtype) read as i32")
    return storage.read(Int32.self, count: count)
  }

  /// The element of an f32 tensor that has one.
  public var scalar: Float {
    precondition(count == 1, "tensor of shape \(shape) read as a scalar")
    return floats[0]
  }

  /// The values rounded to bf16, or widened from it; the gradient passes unrounded.
  public func converted(to target: DType) -> Tensor {
    if target == dtype { return self }
    let result = Tensor(uninitialized: shape, dtype: target, on: backend)
    switch (dtype, target) {
    case (.f32, .bf16): backend.convertToBF16(storage, into: result.storage, count: count)
    case (.bf16, .f32): backend.convertFromBF16(storage, into: result.storage, count: count)
    default: preconditionFailure("no conversion from \(dtype) to \(target)")
    }
    return result.recorded(from: [self], gradientType: .f32) { [$0] }
  }
}
