import HalterBackend
import HalterRandom
import HalterTensor

/// The fused operations of a step, at the sizes of SmolLM2-135M.
struct Operations {
  let threads: Int
  let timer: Timer
  let quick: Bool

  func rows(_ machine: Machine) -> [Row] {
    let compute = InstructionSet.best.fastestCompute
    let backend = CPUBackend(threads: threads, compute: compute)
    return attention(machine, backend) + head(machine, backend) + elementwise(machine, backend)
  }

  private func tensor(_ shape: Shape, _ backend: CPUBackend, _ seed: UInt64) -> Tensor {
    var random = RandomStream(seed: seed, name: "operations")
    return Tensor(random.normal(count: shape.count, deviation: 1), shape: shape, on: backend)
  }

  /// Forward and backward; the arithmetic that the causal half needs counts.
  private func attention(_ machine: Machine, _ backend: CPUBackend) -> [Row] {
    let cases = [
      (4, 512, 9, 3, 64), (1, 2048, 9, 3, 64), (1, 512, 32, 8, 128), (1, 2048, 32, 8, 128),
    ]
    return cases.prefix(quick ? 1 : cases.count).map { count, length, heads, kvHeads, d in
      let tokens = count * length
      let geometry = AttentionGeometry(
        segments: (0...count).map { $0 * length }, heads: heads, kvHeads: kvHeads, headDim: d,
        scale: 1 / Float(d).squareRoot())
      let type = backend.activationType
      func elements(_ width: Int, _ seed: UInt64) -> Elements {
        tensor([tokens, width], backend, seed).converted(to: type).elements
      }
      let (q, out) = (elements(heads * d, 1), elements(heads * d, 2))
      let (dOut, dq) = (elements(heads * d, 3), elements(heads * d, 4))
      let (k, v) = (elements(kvHeads * d, 5), elements(kvHeads * d, 6))
      let (dk, dv) = (elements(kvHeads * d, 7), elements(kvHeads * d, 8))
      let lse = backend.allocate(byteCount: heads * tokens * 4)
      let seconds = timer.median {
        backend.attention(geometry, q: q, k: k, v: v, out: out, lse: lse)
        backend.attentionBackward(
          geometry, q: q, k: k, v: v, out: out, lse: lse, dOut: dOut, dq: dq, dk: dk, dv: dv)
      }
      let pairs = Double(count * length) * Double(length)
      return Row(
        "attention, \(count) × \(length), \(heads)/\(kvHeads) heads of \(d), both ways",
        seconds: seconds, flops: 3.5 * 2 * pairs * Double(d * heads),
        peak: machine.peak(backend.compute))
    }
  }

  /// The output layer with its loss and the gradient of the hidden states.
  private func head(_ machine: Machine, _ backend: CPUBackend) -> [Row] {
    let (tokens, columns, vocabulary) = (quick ? 256 : 2048, 576, 49152)
    let weights = Storage.bf16.weights(rows: vocabulary, columns: columns, on: backend)
    let matrix = StoredMatrix(weights, backend: backend)
    let hidden = tensor([tokens, columns], backend, 5)
    let targets = LossTargets(
      rows: (0..<Int32(tokens)).map { $0 }, labels: (0..<Int32(tokens)).map { $0 * 7 },
      weights: [Float](repeating: 1, count: tokens))
    let seconds = timer.median {
      let leaf = hidden.requiringGradient()
      let (loss, _) = linearCrossEntropy(
        leaf, head: .frozen(matrix), targets: targets, scale: 1 / Float(tokens))
      loss.backward()
    }
    return [
      Row(
        "linear + cross-entropy, \(tokens) × \(columns) → \(vocabulary)", seconds: seconds,
        flops: 4 * Double(tokens) * Double(columns) * Double(vocabulary),
        peak: machine.peak(backend.compute))
    ]
  }

  /// What is bound by memory: bytes that must move, against what reading reaches.
  private func elementwise(_ machine: Machine, _ backend: CPUBackend) -> [Row] {
    let (rows, columns, wide) = (2048, 576, 1536)
    let type = backend.activationType
    func buffer(_ count: Int, _ type: DType) -> Elements {
      let elements = Elements(backend.allocate(byteCount: count * type.byteCount), type)
      backend.fill(elements.buffer, count: elements.buffer.byteCount / 4, with: 0)
      return elements
    }
    let size = Double(type.byteCount)
    let x = buffer(rows * columns, .f32).buffer
    let (y, h) = (buffer(rows * columns, type), buffer(rows * columns, type))
    let (w, rstd) = (buffer(columns, .f32).buffer, buffer(rows, .f32).buffer)
    let norm = timer.median {
      backend.rmsNorm(
        x, weight: w, epsilon: 1e-5, into: y, normalized: h.buffer, rstd: rstd, rows: rows,
        columns: columns)
    }
    let gates = (0..<5).map { _ in buffer(rows * wide, type) }
    let swiglu = timer.median {
      backend.swiglu(gate: gates[0], up: gates[1], into: gates[2], count: rows * wide)
    }
    let swigluBack = timer.median {
      backend.swigluBackward(
        gate: gates[0], up: gates[1], dy: gates[2], dGate: gates[3], dUp: gates[4],
        count: rows * wide)
    }
    let states = (0..<4).map { _ in buffer(1 << 22, .f32).buffer }
    let adamW = timer.median {
      backend.adamW(
        AdamWConstants(
          learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, step: 1,
          gradientScale: 1), gradient: states[0], parameter: states[1], m: states[2], v: states[3],
        count: 1 << 22)
    }
    let bandwidth = machine.readBandwidth
    let (narrow, broad) = (Double(rows * columns), Double(rows * wide))
    return [
      Row(
        "RMSNorm, \(rows) × \(columns)", seconds: norm, bytes: narrow * (4 + 2 * size),
        bandwidth: bandwidth),
      Row(
        "SwiGLU, \(rows) × \(wide)", seconds: swiglu, bytes: broad * 3 * size,
        bandwidth: bandwidth),
      Row(
        "SwiGLU back, \(rows) × \(wide)", seconds: swigluBack, bytes: broad * 5 * size,
        bandwidth: bandwidth),
      Row(
        "AdamW, 4 M parameters", seconds: adamW, bytes: Double(1 << 22) * 28,
        bandwidth: bandwidth),
    ]
  }
}
