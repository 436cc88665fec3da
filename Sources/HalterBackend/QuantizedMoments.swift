internal import CHalterKernels

/// The moments of AdamW for one tensor as 8-bit codes (Dettmers et al. 2022, 8-bit optimizers): the
/// elements are cut into blocks of 256, and element i is the value of its code times the scale of
/// its block, the largest magnitude in it.
public struct QuantizedMoments {
  /// Elements that share a scale.
  public static let block = Int(HK_MOMENT_BLOCK)

  /// One of the two moments.
  public struct Codes {
    /// A byte for each element.
    public let codes: Buffer
    /// An f32 number for each block.
    public let scales: Buffer

    /// Codes over buffers.
    public init(codes: Buffer, scales: Buffer) {
      self.codes = codes
      self.scales = scales
    }

    func holds(_ count: Int) -> Bool {
      codes.holds(count, of: UInt8.self)
        && scales.holds(QuantizedMoments.blocks(count), of: Float.self)
    }
  }

  /// The running mean of the gradient, in values with a sign.
  public let first: Codes
  /// The running mean of its square, in values without.
  public let second: Codes

  /// Moments from their codes.
  public init(first: Codes, second: Codes) {
    self.first = first
    self.second = second
  }

  /// How many blocks a number of elements has.
  public static func blocks(_ count: Int) -> Int { (count + block - 1) / block }
}

/// The 256 values of 8-bit codes with a dynamic exponent, rising to 1: bitsandbytes'
/// `create_dynamic_map`.
public enum DynamicMap {
  /// Values of either sign.
  public static let signed = values(isSigned: true)
  /// Values from zero on, twice as close.
  public static let unsigned = values(isSigned: false)

  private static func values(isSigned: Bool) -> [Float] {
    [Float](unsafeUninitializedCapacity: 256) { buffer, count in
      guard let start = buffer.baseAddress else { return }
      hk_dynamic_map(isSigned, start)
      count = 256
    }
  }

  /// What kernels need to encode: made once, and never freed.
  struct Code: @unchecked Sendable {
    // Proof of sendability: the table is filled in here and only read afterwards.
    let table: UnsafePointer<hk_dynamic_code>

    init(isSigned: Bool) {
      let table = UnsafeMutablePointer<hk_dynamic_code>.allocate(capacity: 1)
      hk_dynamic_code_make(isSigned, table)
      self.table = UnsafePointer(table)
    }
  }

  static let signedCode = Code(isSigned: true)
  static let unsignedCode = Code(isSigned: false)
}
