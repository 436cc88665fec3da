import HalterBackend
import HalterRandom

/// Products with frozen matrices, by shape, storage format, direction and instruction set.
struct Products {
  let threads: Int
  let timer: Timer
  let quick: Bool

  /// Inputs, outputs and rows of the batch: the layers of SmolLM2-135M, of a model with rows of
  /// 2,048 and of Llama 2 7B.
  private var shapes: [(m: Int, k: Int, n: Int)] {
    let all = [
      (2048, 576, 576), (2048, 576, 192), (2048, 576, 1536), (2048, 1536, 576),
      (1024, 2048, 2048), (1024, 2048, 5632), (1024, 4096, 4096), (1024, 4096, 11008),
      (256, 576, 1536), (256, 2048, 2048),
    ]
    return quick ? [all[2], all[4]] : all
  }

  func rows(_ machine: Machine) -> [Row] {
    var rows: [Row] = []
    let best = InstructionSet.best
    var runs: [(InstructionSet, ComputeType, Storage)] = []
    if best == .avx512bf16 {
      runs += [Storage.bf16, .nf4, .q4_1, .q8_0].map { (best, .bf16, $0) }
    }
    runs += [Storage.f32, .nf4].map { (best, .f32, $0) }
    if best != .avx2, InstructionSet.avx2.isAvailable { runs.append((.avx2, .f32, .f32)) }
    for (set, compute, storage) in runs {
      let backend = CPUBackend(threads: threads, instructionSet: set, compute: compute)
      let peak = set == .avx2 ? machine.avx2Peak : machine.peak(compute)
      for shape in shapes {
        rows += measure(shape, storage, backend, compute: compute, set: set, peak: peak)
      }
    }
    return rows
  }

  private func measure(
    _ shape: (m: Int, k: Int, n: Int), _ storage: Storage, _ backend: CPUBackend,
    compute: ComputeType, set: InstructionSet, peak: Double
  ) -> [Row] {
    let (m, k, n) = shape
    let weights = storage.weights(rows: n, columns: k, on: backend)
    let (x, y) = (operand(m * k, compute, backend), operand(m * n, compute, backend))
    let flops = 2 * Double(m) * Double(k) * Double(n)
    let name = "\(m) × \(k) → \(n), \(storage), \(compute) on \(set.name)"
    check(weights, x, y, m: m, k: k, n: n, backend: backend)
    let forward = timer.median {
      backend.product(x, count: m, weights, adding: nil, into: y, accumulate: false)
    }
    let backward = timer.median {
      backend.transposedProduct(y, count: m, weights, adding: nil, into: x, accumulate: false)
    }
    return [
      Row(name, seconds: forward, flops: flops, peak: peak),
      Row(name + ", back", seconds: backward, flops: flops, peak: peak),
    ]
  }

  /// An operand as training has it: bf16 where products compute in it.
  private func operand(_ count: Int, _ compute: ComputeType, _ backend: CPUBackend) -> Elements {
    var random = RandomStream(seed: UInt64(count), name: "bench")
    let values = backend.allocate(byteCount: count * 4)
    values.write(random.normal(count: count, deviation: 1))
    guard compute == .bf16 else { return Elements(values) }
    let narrow = backend.allocate(byteCount: count * 2)
    backend.convertToBF16(values, into: narrow, count: count)
    return Elements(narrow, .bf16)
  }

  /// Compares a few elements of a product with the definition; a fast wrong kernel is worth nothing.
  private func check(
    _ weights: StoredWeights, _ x: Elements, _ y: Elements, m: Int, k: Int, n: Int,
    backend: CPUBackend
  ) {
    backend.product(x, count: m, weights, adding: nil, into: y, accumulate: false)
    let (rows, columns) = ([0, m / 2, m - 1], [0, n / 3, n - 1])
    let row = backend.allocate(byteCount: k * 4)
    let input = floats(x, m * k, backend)
    let output = floats(y, m * n, backend)
    for column in columns {
      backend.decodeRows(column..<column + 1, of: weights, into: row)
      let w = row.read(Float.self, count: k)
      for i in rows {
        let terms = (0..<k).map { Double(input[i * k + $0]) * Double(w[$0]) }
        let size = terms.reduce(0) { $0 + abs($1) }
        let error = abs(Double(output[i * n + column]) - terms.reduce(0, +))
        precondition(error <= 0.01 * size, "a product is wrong by \(error) of \(size)")
      }
    }
  }

  private func floats(_ x: Elements, _ count: Int, _ backend: CPUBackend) -> [Float] {
    guard x.type == .bf16 else { return x.buffer.read(Float.self, count: count) }
    let wide = backend.allocate(byteCount: count * 4)
    backend.convertFromBF16(x.buffer, into: wide, count: count)
    return wide.read(Float.self, count: count)
  }
}

/// How a benchmark's weights are stored.
enum Storage: String, CustomStringConvertible {
  case f32, bf16, nf4, q4_1, q8_0

  var description: String { rawValue }

  /// Random weights of a realistic size in this format.
  func weights(rows: Int, columns: Int, on backend: CPUBackend) -> StoredWeights {
    var random = RandomStream(seed: 1, name: rawValue)
    switch self {
    case .f32, .bf16, .nf4:
      let values = random.normal(count: rows * columns, deviation: 0.02)
      let wide = backend.allocate(byteCount: rows * columns * 4)
      wide.write(values)
      if self == .f32 {
        return StoredWeights(format: .f32, rows: rows, columns: columns, values: wide)
      }
      if self == .bf16 {
        let narrow = backend.allocate(byteCount: rows * columns * 2)
        backend.convertToBF16(wide, into: narrow, count: rows * columns)
        return StoredWeights(format: .bf16, rows: rows, columns: columns, values: narrow)
      }
      return stored(
        values.map(\.bitPattern).flatMap { [UInt8](littleEndian: $0) }, .f32, rows, columns,
        WeightQuantization(kind: .nf4), backend)
    case .q4_1, .q8_0:
      // Blocks of 32 with a scale of 2^-6 (and a minimum of -2^-3) in front of random codes.
      let (format, head): (ElementFormat, [UInt8]) =
        self == .q4_1 ? (.q4_1, [0, 0x24, 0, 0xB0]) : (.q8_0, [0, 0x10])
      let size = format.byteCount(of: 32)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(rows * columns / 32 * size)
      for _ in 0..<rows * columns / 32 {
        bytes += head
        for _ in stride(from: head.count, to: size, by: 1) {
          bytes.append(UInt8(truncatingIfNeeded: random.next()))
        }
      }
      return stored(bytes, format, rows, columns, nil, backend)
    }
  }

  private func stored(
    _ bytes: [UInt8], _ format: ElementFormat, _ rows: Int, _ columns: Int,
    _ quantization: WeightQuantization?, _ backend: CPUBackend
  ) -> StoredWeights {
    guard
      let weights = backend.store(
        bytes.span.bytes, format: format, rows: rows, columns: columns, rowOrder: nil,
        quantization: quantization)
    else { preconditionFailure("the benchmark's own weights are finite") }
    return weights
  }
}

extension [UInt8] {
  fileprivate init(littleEndian word: UInt32) {
    self = (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
  }
}
