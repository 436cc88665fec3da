import HalterBackend

/// A tensor's place in the graph: the tensors it was made from and how its gradient becomes theirs.
///
/// Nodes point from results to inputs. A gradient function captures the *detached* tensors that it
/// needs, so that `parents` are the only links between nodes and a graph can be taken apart without
/// recursion.
final class GraphNode {
  /// The nodes of the inputs, nil for an input that needs no gradient.
  private(set) var parents: [GraphNode?] = []
  /// Maps the gradient of the result to those of the inputs; nil for a leaf, and once it has run.
  private(set) var propagate: ((Tensor, GradientSums) -> [Tensor?])?
  /// Whether gradients stay here (a parameter) rather than flow on.
  let isLeaf: Bool
  /// The type of the gradient: f32 wherever several are added up.
  let gradientType: DType
  /// The sum of the gradients that have arrived.
  var gradient: Tensor?

  init(leaf: Bool) {
    isLeaf = leaf
    gradientType = .f32
  }

  init(
    parents: [GraphNode?], gradientType: DType,
    propagate: @escaping (Tensor, GradientSums) -> [Tensor?]
  ) {
    self.isLeaf = false
    self.gradientType = gradientType
    self.parents = parents
    self.propagate = propagate
  }

  deinit {
    // A long chain of nodes would otherwise be released by as deep a recursion. Every reference
    // here must be the list's or the variable's own, else no node looks unreferenced.
    var orphans = parents.compactMap { $0 }
    parents = []
    while var node = orphans.popLast() {
      guard isKnownUniquelyReferenced(&node) else { continue }
      orphans += node.parents.compactMap { $0 }
      node.parents = []
    }
  }

  /// Runs the gradient function once and lets go of what it holds.
  func takeStep() -> [(node: GraphNode, gradient: Tensor)] {
    guard let upstream = gradient else { return [] }
    guard let propagate else {
      preconditionFailure("backward through a part of the graph that an earlier one took apart")
    }
    let inputs = parents
    (gradient, self.propagate, parents) = (nil, nil, [])
    let gradients = propagate(upstream, GradientSums(nodes: inputs))
    precondition(gradients.count == inputs.count, "an operation lost a gradient")
    return zip(inputs, gradients).compactMap { node, gradient in
      guard let node, let gradient else { return nil }
      return (node, gradient)
    }
  }

  /// Adds a gradient to the sum, in place where nobody else sees the sum.
  func accumulate(_ incoming: Tensor) {
    let incoming = incoming.detached.converted(to: gradientType)
    guard var sum = gradient else {
      gradient = incoming
      return
    }
    precondition(gradientType == .f32, "several gradients of type \(gradientType)")
    gradient = nil
    if isKnownUniquelyReferenced(&sum.storage) && !sum.storage.isSlice {
      sum.backend.accumulate(incoming.storage, scaledBy: 1, into: sum.storage, count: sum.count)
      gradient = sum
    } else {
      let total = Tensor(uninitialized: sum.shape, on: sum.backend)
      sum.backend.add(sum.storage, incoming.storage, into: total.storage, count: sum.count)
      gradient = total
    }
  }

  /// The sum so far, taken out so that more can be added in place; nil if there is none, or if
  /// somebody else sees it.
  func takeSum() -> Tensor? {
    guard gradientType == .f32, var sum = gradient else { return nil }
    gradient = nil
    if isKnownUniquelyReferenced(&sum.storage) && !sum.storage.isSlice { return sum }
    gradient = sum
    return nil
  }
}

/// What has arrived at the inputs of an operation while its gradient is computed.
struct GradientSums {
  let nodes: [GraphNode?]

  /// The gradient of an input so far, f32, for an operation that adds its own to it in place and
  /// returns the sum; nil where it must return a gradient of its own.
  func take(_ input: Int) -> Tensor? { nodes[input]?.takeSum() }
}
