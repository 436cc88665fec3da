internal import CHalterKernels

extension ElementFormat {
  /// Whether `CPUBackend.encode` writes the format.
  public var canBeEncoded: Bool { hk_can_encode(code) }

  /// What each of the 16 codes of NF4 or FP4 stands for; empty for other formats.
  public var codeValues: [Float] {
    guard self == .nf4 || self == .fp4 else { return [] }
    // All codes in their order, the first in the high half of a byte.
    let codes = (0..<8).map { UInt8($0 * 0x22 + 1) }
    let scale: [Float] = [1]
    var values = [Float](repeating: 0, count: 16)
    codes.withUnsafeBufferPointer { codes in
      scale.withUnsafeBufferPointer { scale in
        guard let one = scale.baseAddress else { return }
        var matrix = hk_matrix(
          format: code, rows: 1, columns: 16, stride: 8, values: codes.baseAddress, scales: one,
          block: 16)
        hk_matrix_decode(HK_ISA_PORTABLE, &matrix, 0, 0, 16, &values)
      }
    }
    return values
  }
}

extension CPUBackend {
  /// Fills a buffer with normally distributed f32 numbers of mean 0. Number i follows from the seed
  /// and `first + i` alone, whatever the threads and however a matrix is cut.
  /// - Parameter first: a multiple of 4.
  public func fillNormal(
    _ y: Buffer, count: Int, deviation: Float, seed: UInt64, first: Int = 0
  ) {
    check(count, y)
    precondition(first >= 0 && first % 4 == 0, "numbers come in fours, not from \(first) on")
    let y = y.f32
    threads.ranges(count, grain: Self.grain) { range in
      hk_random_normals(
        seed, first + range.lowerBound, range.count, deviation, y + range.lowerBound)
    }
  }

  /// Puts rows of a buffer on the device as `store` does those of a file.
  /// - Returns: the weights, nil if a value is not finite.
  public func store(
    _ source: Buffer, format: ElementFormat, rows: Int, columns: Int,
    quantization: WeightQuantization?
  ) -> StoredWeights? {
    source.withBytes { bytes in
      store(
        UnsafeRawBufferPointer(bytes).bytes, format: format, rows: rows, columns: columns,
        rowOrder: nil, quantization: quantization)
    }
  }

  /// Encodes f32 numbers, a whole number of blocks, in a format that `canBeEncoded`.
  public func encode(_ x: Buffer, count: Int, as format: ElementFormat, into y: Buffer) {
    precondition(format.canBeEncoded, "\(format.rawValue) is not written")
    precondition(count % format.blockSize == 0, "\(count) numbers are not whole blocks")
    precondition(y.byteCount >= format.byteCount(of: count), "\(y.byteCount) bytes")
    check(count, x)
    let (x, y, code) = (x.f32, y.base, format.code)
    threads.ranges(count, grain: Self.grain) { range in
      hk_encode(
        code, range.count, x + range.lowerBound, y + format.byteCount(of: range.lowerBound))
    }
  }
}
