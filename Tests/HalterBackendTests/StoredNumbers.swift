import HalterBackend
import HalterRandom

/// Weights in a storage format, and each element by the definition of the format.
struct StoredNumbers {
  let format: ElementFormat
  let rows: Int
  let columns: Int
  var bytes: [UInt8]
  /// One for each block of 4-bit codes or row of int8.
  var scales: [Float] = []
  var block = 64

  /// Random bytes, with the f16 scales of blocks made finite.
  init(_ format: ElementFormat, rows: Int, columns: Int, block: Int = 64, seed: UInt64 = 44) {
    self.format = format
    self.rows = rows
    self.columns = columns
    self.block = block
    var stream = RandomStream(seed: seed)
    let isCoded = format == .nf4 || format == .fp4
    let count =
      isCoded ? format.byteCount(of: rows * columns) : rows * format.byteCount(of: columns)
    bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: stream.next()) }
    switch format {
    case .nf4, .fp4: scales = noise((rows * columns + block - 1) / block, seed + 1)
    case .int8: scales = noise(rows, seed + 1)
    case .f32: bytes = noise(rows * columns, seed, 1).flatMap { Self.littleEndian($0.bitPattern) }
    case .bf16, .f16: break
    default:
      for start in stride(from: 0, to: count, by: format.byteCount(of: format.blockSize)) {
        for place in halves { bytes[start + place + 1] &= 0xBB }
      }
    }
    // Exponents around 1: neither NaN nor a sum that one number decides.
    if format == .bf16 || format == .f16 {
      for place in stride(from: 1, to: count, by: 2) {
        bytes[place] = bytes[place] & 0x83 | (format == .bf16 ? 0x3C : 0x34)
      }
    }
  }

  private static func littleEndian(_ word: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
  }

  /// Where a block has f16 scales.
  private var halves: [Int] {
    switch format {
    case .q4_0, .q5_0, .q8_0: [0]
    case .q4_1, .q5_1, .q4_k, .q5_k: [0, 2]
    case .q6_k: [208]
    default: []
    }
  }

  /// The weights on a device.
  func weights(on backend: any Backend) -> StoredWeights {
    StoredWeights(
      format: format, rows: rows, columns: columns, values: filled(bytes, on: backend),
      scales: format.hasSeparateScales ? .plain(filled(scales, on: backend)) : nil, block: block)
  }

  /// All elements, row after row.
  var values: [Double] {
    (0..<rows).flatMap { row in (0..<columns).map { value(row: row, column: $0) } }
  }

  private func word(_ at: Int) -> UInt16 { UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8 }

  private func half(_ at: Int) -> Double {
    let bits = word(at)
    let (sign, mantissa) = (bits >> 15 == 0 ? 1.0 : -1.0, Double(bits & 0x3FF))
    switch bits >> 10 & 0x1F {
    case 0: return sign * mantissa * 0x1p-24
    case 31: return mantissa == 0 ? sign * .infinity : .nan
    case let exponent:
      return Double(
        sign: .plus, exponent: Int(exponent) - 15, significand: sign + sign * mantissa / 1024)
    }
  }

  /// One element. Every format rounds to f32 at most once; int8 and codes compute in f32.
  func value(row: Int, column: Int) -> Double {
    let start = row * format.byteCount(of: columns)
    let block = start + format.byteCount(of: column / format.blockSize * format.blockSize)
    let inside = column % format.blockSize
    switch format {
    case .f32:
      return Double(Float(bitPattern: UInt32(word(block)) | UInt32(word(block + 2)) << 16))
    case .bf16: return Double(Float(bitPattern: UInt32(word(block)) << 16))
    case .f16: return half(block)
    case .nf4: return code(row * columns + column, of: Self.nf4)
    case .fp4: return code(row * columns + column, of: Self.fp4)
    case .int8:
      return Double(Float(Int8(bitPattern: bytes[block])) * (scales[row] * (1 / Float(127))))
    case .q8_0: return half(block) * Double(Int8(bitPattern: bytes[block + 2 + inside]))
    case .q4_0: return half(block) * (nibble(block + 2, inside) - 8)
    case .q4_1: return rounded(half(block) * nibble(block + 4, inside) + half(block + 2))
    case .q5_0:
      return half(block) * (nibble(block + 6, inside) + 16 * bit(block + 2, inside) - 16)
    case .q5_1:
      return rounded(
        half(block) * (nibble(block + 8, inside) + 16 * bit(block + 4, inside)) + half(block + 2))
    case .q4_k: return scaled(block, inside, pair(block + 16, inside))
    case .q5_k:
      let fifth = Double(bytes[block + 16 + inside % 32] >> (inside / 32) & 1)
      return scaled(block, inside, pair(block + 48, inside) + 16 * fifth)
    case .q6_k: return sixBits(block, inside)
    }
  }

  private func rounded(_ value: Double) -> Double { Double(Float(value)) }

  private func code(_ index: Int, of values: [Float]) -> Double {
    let byte = bytes[index / 2]
    return Double(values[Int(index % 2 == 0 ? byte >> 4 : byte & 15)] * scales[index / block])
  }

  private func bit(_ start: Int, _ index: Int) -> Double {
    Double(bytes[start + index / 8] >> (index % 8) & 1)
  }

  /// Of 16 bytes the low halves come first, then the high halves.
  private func nibble(_ start: Int, _ index: Int) -> Double {
    let byte = bytes[start + index % 16]
    return Double(index < 16 ? byte & 15 : byte >> 4)
  }

  /// Of each 32 bytes the low halves come first, then the high halves.
  private func pair(_ start: Int, _ index: Int) -> Double {
    let byte = bytes[start + index / 64 * 32 + index % 32]
    return Double(index % 64 < 32 ? byte & 15 : byte >> 4)
  }

  /// d · scale · q − dmin · minimum, with the 6-bit numbers of a Q4_K or Q5_K block.
  private func scaled(_ block: Int, _ inside: Int, _ q: Double) -> Double {
    let (k, s) = (inside / 32, bytes[block + 4..<block + 16].map { Int($0) })
    let scale = k < 4 ? s[k] & 63 : s[k + 4] & 15 | (s[k - 4] >> 6) << 4
    let minimum = k < 4 ? s[k + 4] & 63 : s[k + 4] >> 4 | (s[k] >> 6) << 4
    return rounded(half(block) * Double(scale) * q - half(block + 2) * Double(minimum))
  }

  private func sixBits(_ block: Int, _ inside: Int) -> Double {
    let (n, l, group) = (inside / 128, inside % 32, inside % 128 / 32)
    let low = bytes[block + 64 * n + l + (group % 2) * 32] >> (group < 2 ? 0 : 4) & 15
    let high = bytes[block + 128 + 32 * n + l] >> (2 * group) & 3
    let scale = Int8(bitPattern: bytes[block + 192 + 8 * n + l / 16 + 2 * group])
    return rounded(half(block + 208) * Double(scale) * Double(Int(low | high << 4) - 32))
  }

  private static let nf4: [Float] = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
  ]

  private static let fp4: [Float] = [
    0.0, 0.0052083334885537624, 0.6666666865348816, 1.0, 0.3333333432674408, 0.5,
    0.1666666716337204, 0.25, 0.0, -0.0052083334885537624, -0.6666666865348816, -1.0,
    -0.3333333432674408, -0.5, -0.1666666716337204, -0.25,
  ]
}
