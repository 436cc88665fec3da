import HalterBackend
import HalterRandom

/// What every device must compute: cases for each operation of `Backend`, with the results that
/// naive code in double precision gives.
///
/// A case says what it computes as plain arrays, so the same cases also compare devices with each
/// other: numbers of threads to the bit, instruction sets within the tolerance of the case.
struct BackendConformance: Sendable {
  /// The operations of `Backend` on numbers.
  enum Operation: String, CaseIterable, Sendable {
    case fill, copy, add, multiply, scale, accumulate, swiglu, swigluBackward, dropout
    case sumOfSquares, convertToBF16, convertFromBF16
    case decode, store, gatherStoredRows, decodeRows
    case rmsNorm, rmsNormBackward, scaleColumns, addBias, addColumnSums, gatherRows, scatterAddRows,
      rope
    case matmul, storedProduct, storedTransposedProduct, products
    case attention, attentionBackward, cachedAttention, crossEntropy, linearCrossEntropy
    case adamW, adamW8bit
  }

  /// One call with its inputs.
  struct Case {
    let name: String
    /// Allowed error: absolute + relative · |expected|; 0 and 0 for results that are exact.
    var absolute = 0.0
    var relative = 0.0
    /// Makes the call; the outputs are read with their guards (`Guarded.values`).
    let run: (any Backend) -> [[Double]]
    /// The outputs by the definition, in double precision.
    let expected: () -> [[Double]]
  }

  /// Makes a device to test.
  let device: @Sendable () -> any Backend

  init(_ device: @escaping @Sendable () -> any Backend) { self.device = device }

  /// The cases of an operation.
  static func cases(of operation: Operation) -> [Case] {
    switch operation {
    case .fill: fillCases
    case .copy: copyCases
    case .add: addCases
    case .multiply: multiplyCases
    case .scale: scaleCases
    case .accumulate: accumulateCases
    case .swiglu: swigluCases
    case .swigluBackward: swigluBackwardCases
    case .dropout: dropoutCases
    case .sumOfSquares: sumOfSquaresCases
    case .convertToBF16: convertToBF16Cases
    case .convertFromBF16: convertFromBF16Cases
    case .decode: decodeCases
    case .store: storeCases
    case .gatherStoredRows: gatherStoredRowsCases
    case .decodeRows: decodeRowsCases
    case .rmsNorm: rmsNormCases
    case .rmsNormBackward: rmsNormBackwardCases
    case .scaleColumns: scaleColumnsCases
    case .addBias: addBiasCases
    case .addColumnSums: addColumnSumsCases
    case .gatherRows: gatherRowsCases
    case .scatterAddRows: scatterAddRowsCases
    case .rope: ropeCases
    case .matmul: matmulCases
    case .storedProduct: storedProductCases
    case .storedTransposedProduct: storedTransposedProductCases
    case .products: productsCases
    case .attention: attentionCases
    case .attentionBackward: attentionBackwardCases
    case .cachedAttention: cachedAttentionCases
    case .crossEntropy: crossEntropyCases
    case .linearCrossEntropy: linearCrossEntropyCases
    case .adamW: adamWCases
    case .adamW8bit: adamW8bitCases
    }
  }

  /// Where the device differs from the definition of an operation, up to a number of cases; empty
  /// if it conforms.
  func disagreements(_ operation: Operation, limit: Int = .max) -> [String] {
    let device = device()
    return Self.collect(operation, limit) { one in
      Self.differences(
        one.run(device), one.expected().map { $0 + Guarded.tail }, absolute: one.absolute,
        relative: one.relative)
    }
  }

  /// Where the device differs from another one, by bits or by the tolerance of each case.
  func disagreements(
    _ operation: Operation, with other: BackendConformance, toTheBit: Bool, limit: Int = .max
  ) -> [String] {
    let (mine, theirs) = (device(), other.device())
    return Self.collect(operation, limit) { one in
      let (actual, expected) = (one.run(mine), one.run(theirs))
      if toTheBit {
        return Self.bits(actual) == Self.bits(expected) ? [] : ["other bits"]
      }
      // Each of the two may be off by the tolerance.
      return Self.differences(
        actual, expected, absolute: 2 * one.absolute, relative: 2 * one.relative)
    }
  }

  private static func collect(
    _ operation: Operation, _ limit: Int, _ compare: (Case) -> [String]
  ) -> [String] {
    var found: [String] = []
    for one in cases(of: operation) where found.count < limit {
      found += compare(one).map { "\(operation.rawValue) \(one.name): \($0)" }
    }
    return found
  }

  private static func bits(_ outputs: [[Double]]) -> [[UInt64]] {
    outputs.map { $0.map(\.bitPattern) }
  }

  /// The worst element of each output that is out of tolerance; NaN equals NaN.
  private static func differences(
    _ actual: [[Double]], _ expected: [[Double]], absolute: Double, relative: Double
  ) -> [String] {
    guard actual.map(\.count) == expected.map(\.count) else {
      return ["\(actual.map(\.count)) results, expected \(expected.map(\.count))"]
    }
    var messages: [String] = []
    for (output, (a, b)) in zip(actual, expected).enumerated() {
      var worst = (index: -1, excess: 0.0)
      for index in a.indices where !(a[index] == b[index] || a[index].isNaN && b[index].isNaN) {
        let excess = abs(a[index] - b[index]) - absolute - relative * abs(b[index])
        if !(excess <= worst.excess) { worst = (index, excess.isNaN ? .infinity : excess) }
      }
      if worst.index >= 0 {
        messages.append(
          "output \(output), element \(worst.index): \(a[worst.index]), "
            + "expected \(b[worst.index])")
      }
    }
    return messages
  }
}

/// A buffer for an output with a guard behind it that the device must not touch.
struct Guarded {
  /// Exact in bf16 too.
  static let mark: Float = 12288
  static let tail = [Double](repeating: Double(mark), count: 5)

  let buffer: Buffer
  private let count: Int

  /// An output that begins as NaN, for an operation that overwrites it, or with initial values.
  init(_ count: Int, initial: [Float]? = nil, on backend: any Backend) {
    self.count = count
    buffer = backend.allocate(byteCount: (count + Self.tail.count) * 4)
    buffer.write(initial ?? [Float](repeating: .nan, count: count))
    buffer.write([Float](repeating: Self.mark, count: Self.tail.count), at: count)
  }

  /// The output as f32 elements.
  var elements: Elements { Elements(buffer) }

  /// The output and its guard.
  var values: [Double] {
    buffer.read(Float.self, count: count + Self.tail.count).map { Double($0) }
  }
}

/// A buffer with values.
func filled<T: BitwiseCopyable>(_ values: [T], on backend: any Backend) -> Buffer {
  let buffer = backend.allocate(byteCount: max(1, values.count * MemoryLayout<T>.stride))
  buffer.write(values)
  return buffer
}

/// Numbers that are the same in every run.
func noise(_ count: Int, _ seed: UInt64, _ bound: Float = 2) -> [Float] {
  var stream = RandomStream(seed: seed)
  return stream.uniform(count: count, bound: bound)
}

/// The numbers in double precision.
func doubles(_ values: [Float]) -> [Double] { values.map { Double($0) } }
