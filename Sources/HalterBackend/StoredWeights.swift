/// The numbers of a weight matrix in a storage format, on a device.
public struct StoredWeights {
  /// The format of `values`.
  public let format: ElementFormat
  /// The number of rows (outputs).
  public let rows: Int
  /// The number of columns (inputs), a whole number of blocks.
  public let columns: Int
  /// The elements, row after row.
  public let values: Buffer
  /// The scales of a format that keeps them apart: one for each block, or for each row of int8.
  public let scales: Scales?
  /// Elements in a block of 4-bit codes.
  public let block: Int

  /// The scales of 4-bit blocks or int8 rows.
  public enum Scales {
    /// f32 numbers.
    case plain(Buffer)
    /// Quantised once more (Dettmers et al. 2023, double quantisation).
    case quantized(QuantizedScales)

    var byteCount: Int {
      switch self {
      case .plain(let values): values.byteCount
      case .quantized(let scales): scales.codes.byteCount + scales.nested.byteCount
      }
    }
  }

  /// Scales as 8-bit codes: scale i is map[codes[i]] · nested[i / block] + offset.
  public struct QuantizedScales {
    /// A byte for each scale.
    public let codes: Buffer
    /// The 256 values of the codes, f32.
    public let map: Buffer
    /// An f32 scale for each block of scales.
    public let nested: Buffer
    /// Scales in a block.
    public let block: Int
    /// The mean that was subtracted before quantising.
    public let offset: Float

    /// Quantised scales.
    public init(codes: Buffer, map: Buffer, nested: Buffer, block: Int, offset: Float) {
      precondition(map.holds(256, of: Float.self) && block > 0)
      self.codes = codes
      self.map = map
      self.nested = nested
      self.block = block
      self.offset = offset
    }
  }

  /// Weights over buffers of the sizes that the format demands.
  /// - Parameter block: elements in a block of 4-bit codes, a power of two.
  public init(
    format: ElementFormat, rows: Int, columns: Int, values: Buffer, scales: Scales? = nil,
    block: Int = 64
  ) {
    precondition(columns % format.blockSize == 0, "rows of \(columns) are not whole blocks")
    precondition((scales != nil) == format.hasSeparateScales, "scales of \(format.rawValue)")
    precondition(block >= 2 && block & (block - 1) == 0, "blocks of \(block)")
    self.format = format
    self.rows = rows
    self.columns = columns
    self.values = values
    self.scales = scales
    self.block = block
    precondition(values.byteCount >= storedByteCount, "\(values.byteCount) bytes of values")
    switch scales {
    case .plain(let buffer): precondition(buffer.holds(scaleCount, of: Float.self))
    case .quantized(let scales):
      precondition(scales.codes.byteCount >= scaleCount)
      let blocks = (scaleCount + scales.block - 1) / scales.block
      precondition(scales.nested.holds(blocks, of: Float.self))
    case nil: break
    }
  }

  /// Bytes from one row to the next, where rows are apart from each other.
  var stride: Int { format.byteCount(of: columns) }

  private var storedByteCount: Int {
    switch format {
    case .nf4, .fp4: format.byteCount(of: rows * columns)
    default: rows * stride
    }
  }

  /// The number of separate scales.
  var scaleCount: Int {
    switch format {
    case .nf4, .fp4: (rows * columns + block - 1) / block
    case .int8: rows
    default: 0
    }
  }

  /// The size in memory, in bytes.
  public var byteCount: Int { storedByteCount + (scales?.byteCount ?? 0) }

  /// The format in words, e.g. `nf4, blocks of 64, double quantised`.
  public var summary: String {
    switch (format, scales) {
    case (.nf4, .quantized), (.fp4, .quantized):
      "\(format.rawValue), blocks of \(block), double quantised"
    case (.nf4, _), (.fp4, _): "\(format.rawValue), blocks of \(block)"
    default: format.rawValue
    }
  }
}

/// A product of low rank that is added to one with stored weights, in the same pass over the
/// result: reduced · factorᵀ to x · Wᵀ, reduced · factor to dy · W.
public struct LowRankTerm {
  /// `[m, rank]`.
  public let reduced: Buffer
  /// `[rows, rank]` beside Wᵀ, `[rank, columns]` beside W.
  public let factor: Buffer
  /// The rank.
  public let rank: Int

  /// A term of a rank.
  public init(reduced: Buffer, factor: Buffer, rank: Int) {
    self.reduced = reduced
    self.factor = factor
    self.rank = rank
  }
}
