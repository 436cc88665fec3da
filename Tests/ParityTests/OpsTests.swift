import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterTensor
import Testing

/// Single operations, forward and backward, against torch in float64.
@Suite struct OpsTests {
  private let backend = CPUBackend(threads: 2)

  /// The settings of a case in `cases.json`.
  private struct Settings: Decodable {
    var epsilon: Float?
    var theta: Double?
    var heads: Int?
    var kv_heads: Int?
    var width: Int?
    var scaling: Float?
    var biased: Bool?
  }

  private func settings(_ operation: String, _ name: String) throws -> Settings {
    let data = try Data(contentsOf: Golden.url("ops/cases.json"))
    let cases = try JSONDecoder().decode([String: [String: Settings]].self, from: data)
    return try #require(cases[operation]?[name])
  }

  /// The tensors of one case.
  private struct Case {
    let golden: Golden
    let name: String
    let backend: CPUBackend

    func floats(_ tensor: String) throws -> [Float] { try golden.floats("\(name).\(tensor)") }

    func integers(_ tensor: String) throws -> [Int32] { try golden.integers("\(name).\(tensor)") }

    func tensor(_ tensor: String) throws -> Tensor {
      let shape = Shape(try golden.shape("\(name).\(tensor)"))
      return Tensor(try floats(tensor), shape: shape, on: backend)
    }

    func leaf(_ tensor: String) throws -> Tensor { try self.tensor(tensor).requiringGradient() }

    /// Expects a result, or the gradient of an input, to be the golden one, relative to its
    /// largest element.
    func expect(
      _ actual: Tensor?, _ tensor: String, tolerance: Float = 2e-6,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let expected = try floats(tensor)
      let scale = expected.reduce(0) { max($0, abs($1)) }
      expectClose(
        try #require(actual).floats, expected, absolute: tolerance * scale, "\(name).\(tensor)",
        sourceLocation: sourceLocation)
    }
  }

  private func load(_ operation: String, _ name: String) throws -> Case {
    Case(golden: try Golden("ops/\(operation).safetensors"), name: name, backend: backend)
  }

  private func frozen(_ weight: Tensor) -> StoredMatrix {
    StoredMatrix(
      dense: weight.storage, rows: weight.shape[0], columns: weight.shape[1], backend: backend)
  }

  @Test(arguments: ["rms_norm0", "rms_norm1", "rms_norm2"]) func rmsNorm(name: String) throws {
    let one = try load("rms_norm", name)
    let (x, w) = (try one.leaf("x"), try one.leaf("w"))
    let epsilon = try #require(settings("rms_norm", name).epsilon)
    let y = x.rmsNorm(weight: w, epsilon: epsilon)
    y.backward(try one.tensor("dy"))
    try one.expect(y, "y")
    // For one column the gradient by x, 1e-6, is what epsilon leaves of a difference of numbers
    // near 1; in f32 it is known to some 2e-7.
    try one.expect(x.gradient, "dx", tolerance: name == "rms_norm0" ? 0.2 : 5e-6)
    try one.expect(w.gradient, "dw")
  }

  @Test(arguments: ["swiglu0", "swiglu1"]) func swiglu(name: String) throws {
    let one = try load("swiglu", name)
    let (gate, up) = (try one.leaf("gate"), try one.leaf("up"))
    let y = gate.swiglu(up: up)
    y.backward(try one.tensor("dy"))
    try one.expect(y, "y")
    try one.expect(gate.gradient, "dgate")
    try one.expect(up.gradient, "dup")
  }

  @Test(arguments: ["rope0", "rope1", "rope2"]) func rope(name: String) throws {
    let one = try load("rope", name)
    let settings = try settings("rope", name)
    let (heads, width) = (try #require(settings.heads), try #require(settings.width))
    let positions = try one.integers("positions")
    let embedding = RotaryEmbedding(headDim: width, theta: try #require(settings.theta))
    let (tables, rows) = embedding.tables(
      positions: positions, segments: [0, positions.count], on: backend)
    let flat: Shape = [positions.count, heads * width]
    let x = try one.leaf("x")
    let y = x.reshaped(to: flat).rotated(heads: heads, positions: rows, tables: tables)
    y.backward(try one.tensor("dy").reshaped(to: flat))
    // An angle of some 2000 radians is known to 1e-4 in f32, in which the models compute it.
    let tolerance: Float = name == "rope0" ? 2e-6 : 2e-4
    try one.expect(y, "y", tolerance: tolerance)
    try one.expect(x.gradient, "dx", tolerance: tolerance)
  }

  @Test(arguments: ["attention0", "attention1", "attention2", "attention3"])
  func attention(name: String) throws {
    let one = try load("attention", name)
    let settings = try settings("attention", name)
    let (heads, kvHeads) = (try #require(settings.heads), try #require(settings.kv_heads))
    let width = try #require(settings.width)
    let segments = try one.integers("segments").map { Int($0) }
    let geometry = AttentionGeometry(
      segments: segments, heads: heads, kvHeads: kvHeads, headDim: width,
      scale: 1 / Float(width).squareRoot())
    let (q, k, v) = (try one.leaf("q"), try one.leaf("k"), try one.leaf("v"))
    let wide: Shape = [geometry.tokens, heads * width]
    let narrow: Shape = [geometry.tokens, kvHeads * width]
    let o = causalAttention(
      q: q.reshaped(to: wide), k: k.reshaped(to: narrow), v: v.reshaped(to: narrow),
      geometry: geometry)
    o.backward(try one.tensor("do").reshaped(to: wide))
    try one.expect(o, "o", tolerance: 1e-5)
    try one.expect(q.gradient, "dq", tolerance: 2e-5)
    try one.expect(k.gradient, "dk", tolerance: 2e-5)
    try one.expect(v.gradient, "dv", tolerance: 2e-5)
  }

  @Test(arguments: ["cross_entropy0", "cross_entropy1", "cross_entropy2"], [false, true])
  func crossEntropy(name: String, frozenHead: Bool) throws {
    let one = try load("cross_entropy", name)
    let (h, w) = (try one.leaf("h"), try one.leaf("w"))
    let weights = try one.floats("weights")
    let targets = LossTargets(
      rows: weights.indices.map { Int32($0) }, labels: try one.integers("labels"),
      weights: weights)
    let (loss, logprobs) = linearCrossEntropy(
      h, head: frozenHead ? .frozen(frozen(w)) : .trainable(w), targets: targets,
      scale: 1 / weights.reduce(0, +))
    loss.backward()
    expectClose([loss.scalar], try one.floats("loss"), relative: 2e-6)
    expectClose(
      logprobs.map { -$0 }, try one.floats("row_losses"), absolute: 2e-6, relative: 2e-6)
    try one.expect(h.gradient, "dh", tolerance: 5e-6)
    if frozenHead {
      #expect(w.gradient == nil)
    } else {
      try one.expect(w.gradient, "dw", tolerance: 5e-6)
    }
  }

  @Test(arguments: ["lora_linear0", "lora_linear1"]) func loraLinear(name: String) throws {
    let one = try load("lora_linear", name)
    let settings = try settings("lora_linear", name)
    let (x, a, b) = (try one.leaf("x"), try one.leaf("a"), try one.leaf("b"))
    let bias = settings.biased == true ? try one.tensor("bias") : nil
    let y = x.loraLinear(
      frozen(try one.tensor("w")), bias: bias, a: a, b: b, scale: try #require(settings.scaling))
    y.backward(try one.tensor("dy"))
    try one.expect(y, "y")
    try one.expect(x.gradient, "dx")
    try one.expect(a.gradient, "da")
    try one.expect(b.gradient, "db")
  }

  @Test func embedding() throws {
    let one = try load("embedding", "embedding0")
    let w = try one.leaf("w")
    let tokens = try one.integers("tokens")
    let y = w.gatherRows(Tensor(tokens, shape: [tokens.count], on: backend))
    y.backward(try one.tensor("dy"))
    #expect(y.floats == (try one.floats("y")))
    try one.expect(w.gradient, "dw")
  }
}
