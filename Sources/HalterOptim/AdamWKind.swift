import HalterBackend
import HalterTensor

extension AdamW {
  /// How the moments are kept.
  public enum Kind: String, Sendable, CaseIterable {
    /// As f32 numbers.
    case full = "adamw"
    /// As 8-bit codes in blocks of 256, but for small tensors and embeddings (Dettmers et al.
    /// 2022).
    case eightBit = "adamw_8bit"

    /// Tensors with fewer elements keep moments in f32, as in bitsandbytes: they take little
    /// memory, and norms and biases are sensitive.
    public static let leastQuantized = 4096

    /// Whether the moments of a tensor of so many elements are 8-bit codes.
    /// - Parameter isEmbedding: whether they are vectors of tokens. Those of rare tokens share
    ///   blocks with frequent ones, beside which their second moment would become zero and their
    ///   step boundless: the paper and the trainer of transformers leave them in f32.
    public func quantizes(_ count: Int, isEmbedding: Bool = false) -> Bool {
      self == .eightBit && count >= Self.leastQuantized && !isEmbedding
    }

    /// Bytes that both moments of a tensor of so many elements take: 8 for each element in f32,
    /// 2 and 8 for each block of 256 as codes.
    public func stateBytes(of count: Int, isEmbedding: Bool = false) -> Int {
      StateLayout(count, isQuantized: quantizes(count, isEmbedding: isEmbedding)).byteCount
    }
  }
}

/// Where the parts of both moments of a tensor lie in one buffer.
struct StateLayout {
  /// The elements of the tensor.
  let count: Int
  /// Whether the moments are 8-bit codes.
  let isQuantized: Bool
  /// The size of the buffer.
  let byteCount: Int
  private let parts: [Range<Int>]

  init(_ count: Int, isQuantized: Bool) {
    self.count = count
    self.isQuantized = isQuantized
    let scales = QuantizedMoments.blocks(count) * 4
    let sizes = isQuantized ? [count, scales, count, scales] : [count * 4, count * 4]
    var (parts, end): ([Range<Int>], Int) = ([], 0)
    for size in sizes {
      parts.append(end..<end + size)
      // Each part begins on a cache line.
      end += (size + 63) / 64 * 64
    }
    self.parts = parts
    byteCount = end
  }

  init(_ target: AdamW.Target, _ kind: AdamW.Kind) {
    let count = target.tensor.count
    self.init(count, isQuantized: kind.quantizes(count, isEmbedding: target.isEmbedding))
  }

  /// The moments that lie in a buffer.
  func state(in buffer: Buffer) -> TensorState {
    func part(_ index: Int) -> Buffer {
      buffer.slice(byteOffset: parts[index].lowerBound, byteCount: parts[index].count)
    }
    guard isQuantized else { return .full(first: part(0), second: part(1)) }
    return .quantized(
      QuantizedMoments(
        first: .init(codes: part(0), scales: part(1)),
        second: .init(codes: part(2), scales: part(3))))
  }
}

/// The moments of one tensor on the device.
enum TensorState {
  case full(first: Buffer, second: Buffer)
  case quantized(QuantizedMoments)

  /// A moment copied out.
  func saved(_ which: AdamW.WhichMoment, _ count: Int) -> AdamW.Moment {
    switch self {
    case .full(let first, let second):
      return .full((which == .first ? first : second).read(Float.self, count: count))
    case .quantized(let moments):
      let moment = which == .first ? moments.first : moments.second
      return .codes(
        moment.codes.read(UInt8.self, count: count),
        scales: moment.scales.read(Float.self, count: QuantizedMoments.blocks(count)))
    }
  }

  /// Puts moments of the same form and size back.
  func restore(_ saved: AdamW.Moments, _ count: Int) {
    switch self {
    case .full(let first, let second):
      Self.write(saved.first, to: first, count)
      Self.write(saved.second, to: second, count)
    case .quantized(let moments):
      Self.write(saved.first, to: moments.first, count)
      Self.write(saved.second, to: moments.second, count)
    }
  }

  private static func write(_ moment: AdamW.Moment, to buffer: Buffer, _ count: Int) {
    guard case .full(let values) = moment, values.count == count else {
      preconditionFailure("these are not \(count) moments in f32")
    }
    buffer.write(values)
  }

  private static func write(
    _ moment: AdamW.Moment, to buffers: QuantizedMoments.Codes, _ count: Int
  ) {
    guard case .codes(let codes, let scales) = moment, codes.count == count,
      scales.count == QuantizedMoments.blocks(count)
    else { preconditionFailure("these are not \(count) moments as codes") }
    buffers.codes.write(codes)
    buffers.scales.write(scales)
  }
}
