import HalterBackend

extension Tensor {
  /// Reverse-mode differentiation: adds the gradient of this tensor by every leaf it depends on to
  /// that leaf, and takes the graph apart on the way, so that memory goes back to its pool as soon
  /// as the tape has passed.
  /// - Parameter seed: the gradient of the result by this tensor; 1 for a scalar when nil.
  public func backward(_ seed: Tensor? = nil) {
    guard let root = node else {
      preconditionFailure("backward on a tensor that depends on no parameter")
    }
    precondition(seed != nil || count == 1, "backward on a tensor of shape \(shape) needs a seed")
    root.accumulate(seed ?? Tensor(filled: 1, shape: shape, on: backend))
    var order = Self.topologicalOrder(from: root)
    while let node = order.popLast() {
      if node.isLeaf { continue }
      for (parent, gradient) in node.takeStep() { parent.accumulate(gradient) }
    }
  }

  /// The nodes that a root depends on, each after all of its own inputs.
  private static func topologicalOrder(from root: GraphNode) -> [GraphNode] {
    var order: [GraphNode] = []
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var path: [(node: GraphNode, next: Int)] = [(root, 0)]
    while let (node, next) = path.last {
      guard next < node.parents.count else {
        order.append(node)
        path.removeLast()
        continue
      }
      path[path.count - 1].next += 1
      if let parent = node.parents[next], seen.insert(ObjectIdentifier(parent)).inserted {
        path.append((parent, 0))
      }
    }
    return order
  }

  /// This result, recorded in the graph as made from `inputs` if any of them needs a gradient.
  /// - Parameters:
  ///   - inputs: what the result depends on.
  ///   - gradientType: the type of the gradient that the result gets; its own when nil. A result
  ///     that several operations use must have f32.
  ///   - recomputation: computes the result again, where that is cheap and needs only what
  ///     `gradient` keeps as well.
  ///   - gradient: maps the gradient of the result to those of the inputs, in order; nil for one
  ///     that has none. It must capture detached tensors only.
  public func recorded(
    from inputs: [Tensor], gradientType: DType? = nil, recomputation: (() -> Tensor)? = nil,
    gradient: @escaping (_ upstream: Tensor) -> [Tensor?]
  ) -> Tensor {
    recorded(from: inputs, gradientType: gradientType, recomputation: recomputation) {
      upstream, _ in gradient(upstream)
    }
  }

  /// The same for an operation that can add to what other operations gave its inputs.
  func recorded(
    from inputs: [Tensor], gradientType: DType? = nil, recomputation: (() -> Tensor)? = nil,
    gradient: @escaping (_ upstream: Tensor, _ sums: GradientSums) -> [Tensor?]
  ) -> Tensor {
    guard GradientScope.isEnabled, inputs.contains(where: \.requiresGradient) else { return self }
    return Tensor(
      shape: shape, dtype: dtype, storage: storage, backend: backend,
      node: GraphNode(
        parents: inputs.map(\.node), gradientType: gradientType ?? dtype, propagate: gradient),
      recomputation: recomputation)
  }
}

/// Whether operations are recorded, per task.
enum GradientScope {
  @TaskLocal static var isEnabled = true
}

/// Runs a closure in which no operation is recorded: evaluation and generation.
public func withoutGradients<R>(_ body: () throws -> R) rethrows -> R {
  try GradientScope.$isEnabled.withValue(false, operation: body)
}

/// Whether operations are recorded here.
public var gradientsAreRecorded: Bool { GradientScope.isEnabled }

/// Activation checkpointing (Chen et al. 2016): computes `body(input)` without keeping what its
/// gradient needs, and computes it again when the gradient is asked for.
///
/// The body must give the same result both times (random choices from a seed that it captures) and
/// may depend on parameters, which get their gradients as usual.
public func recompute(_ input: Tensor, _ body: @escaping (Tensor) -> Tensor) -> Tensor {
  guard GradientScope.isEnabled else { return body(input) }
  let saved = input.detached
  let result = withoutGradients { body(saved) }
  // The input is recorded even if it needs no gradient itself: the body's parameters do.
  let anchor = input.requiresGradient ? input : saved.requiringGradient()
  return result.detached.recorded(from: [anchor]) { upstream in
    let leaf = saved.requiringGradient()
    let again = body(leaf)
    if again.requiresGradient { again.backward(upstream) }
    return [leaf.gradient]
  }
}
