import HalterBackend
import HalterRandom
import HalterTensor
import Testing

/// Numbers that are the same in every run.
func noise(_ count: Int, _ seed: UInt64, _ bound: Float = 1.5) -> [Float] {
  var stream = RandomStream(seed: seed)
  return stream.uniform(count: count, bound: bound)
}

/// A tensor of f32 values from a literal.
func tensor(_ values: [Float], _ shape: Shape, _ backend: any Backend) -> Tensor {
  Tensor(values, shape: shape, on: backend)
}

/// An operation on f32 tensors against its definition in double precision.
///
/// The definition is differentiated numerically, by central differences; with h = 1e-5 their error
/// is of the order of 1e-10, so what remains is the rounding of f32.
struct GradientCheck {
  /// The shapes of the inputs.
  let shapes: [Shape]
  /// The tensors that get no gradient, by index.
  var frozen: Set<Int> = []
  /// The largest allowed error, relative to the largest element of a gradient or 1.
  var tolerance = 1e-4
  /// The range of the inputs.
  var bound: Float = 1.5

  /// Compares the values and all gradients of Σ u · operation(inputs) for random u.
  func run(
    _ operation: ([Tensor]) -> Tensor, definition: ([[Double]]) -> [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let backend = CPUBackend(threads: 2)
    let inputs = shapes.enumerated().map { noise($1.count, 100 + UInt64($0), bound) }
    let tensors = zip(inputs, shapes).enumerated().map { index, input in
      let tensor = Tensor(input.0, shape: input.1, on: backend)
      return frozen.contains(index) ? tensor : tensor.requiringGradient()
    }
    let result = operation(tensors)
    let host = inputs.map { $0.map { Double($0) } }
    expect(result.floats, definition(host), "value", sourceLocation)

    let upstream = noise(result.count, 99)
    result.backward(Tensor(upstream, shape: result.shape, on: backend))
    let weights = upstream.map { Double($0) }
    func objective(_ inputs: [[Double]]) -> Double {
      zip(definition(inputs), weights).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for (index, tensor) in tensors.enumerated() {
      if frozen.contains(index) {
        #expect(tensor.gradient == nil, "input \(index) is frozen", sourceLocation: sourceLocation)
        continue
      }
      let numeric = host[index].indices.map { element in
        var (above, below) = (host, host)
        above[index][element] += 1e-5
        below[index][element] -= 1e-5
        return (objective(above) - objective(below)) / 2e-5
      }
      guard let gradient = tensor.gradient else {
        Issue.record("input \(index) has no gradient", sourceLocation: sourceLocation)
        continue
      }
      #expect(gradient.shape == shapes[index], sourceLocation: sourceLocation)
      expect(gradient.floats, numeric, "gradient of input \(index)", sourceLocation)
    }
  }

  private func expect(
    _ actual: [Float], _ expected: [Double], _ what: String, _ location: SourceLocation
  ) {
    guard actual.count == expected.count else {
      Issue.record("\(what): \(actual.count), not \(expected.count)", sourceLocation: location)
      return
    }
    let scale = expected.reduce(1) { max($0, abs($1)) }
    for (index, (a, b)) in zip(actual, expected).enumerated()
    where !(abs(Double(a) - b) <= tolerance * scale) {
      Issue.record("\(what), element \(index): \(a), not \(b)", sourceLocation: location)
      return
    }
  }
}

/// x[m, k] · w[n, k]ᵀ.
func naiveProduct(_ x: [Double], _ w: [Double], _ m: Int, _ n: Int, _ k: Int) -> [Double] {
  (0..<m * n).map { index in
    (0..<k).reduce(0.0) { $0 + x[index / n * k + $1] * w[index % n * k + $1] }
  }
}
