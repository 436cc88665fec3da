/// How weights are quantised while they are loaded.
public struct WeightQuantization: Sendable, Equatable {
  /// What weights become.
  public enum Kind: String, Sendable, CaseIterable {
    /// 4-bit codes at the quantiles of a normal distribution (Dettmers et al. 2023).
    case nf4
    /// 4-bit floating-point codes.
    case fp4
    /// 8-bit integers with a scale for each row (Dettmers et al. 2022).
    case int8

    var format: ElementFormat {
      switch self {
      case .nf4: .nf4
      case .fp4: .fp4
      case .int8: .int8
      }
    }
  }

  /// What weights become.
  public var kind: Kind
  /// Elements that share a scale, a power of two from 32 to 4096; int8 has a scale for each row.
  public var block: Int
  /// Whether the scales of 4-bit blocks are quantised to 8 bits themselves.
  public var isDouble: Bool

  /// Elements in a block that bitsandbytes knows.
  public static let blocks = [32, 64, 128, 256, 512, 1024, 2048, 4096]

  /// Scales that share a nested scale, as in bitsandbytes.
  static let scaleBlock = 256

  /// What a matrix takes in memory, in bytes.
  public func byteCount(rows: Int, columns: Int) -> Int {
    let count = rows * columns
    guard kind != .int8 else { return count + 4 * rows }
    let scales = (count + block - 1) / block
    let nested = (scales + Self.scaleBlock - 1) / Self.scaleBlock
    return (count + 1) / 2 + (isDouble ? scales + 4 * (nested + 256) : 4 * scales)
  }

  /// A quantisation.
  public init(kind: Kind, block: Int = 64, isDouble: Bool = true) {
    precondition(Self.blocks.contains(block), "blocks of \(block)")
    self.kind = kind
    self.block = block
    self.isDouble = isDouble
  }
}
