internal import CHalterKernels

extension CPUBackend {
  public func decode(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    into y: Buffer
  ) {
    precondition(columns % format.blockSize == 0, "rows of \(columns) are not whole blocks")
    let rowBytes = columns / format.blockSize * format.bytesPerBlock
    precondition(source.byteCount >= rows * rowBytes, "\(source.byteCount) bytes for \(rows) rows")
    if let rowOrder {
      precondition(
        rowOrder.count == rows && rowOrder.allSatisfy { (0..<rows).contains($0) },
        "the order of \(rowOrder.count) rows does not fit \(rows) stored rows")
    }
    check(rows * columns, y)
    let y = y.f32
    source.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress, rows > 0, columns > 0 else { return }
      threads.ranges(rows, grain: max(1, Self.grain / columns)) { range in
        if let rowOrder {
          for row in range {
            decode(
              start + rowOrder[row] * rowBytes, format, columns, into: y + row * columns)
          }
        } else {
          decode(
            start + range.lowerBound * rowBytes, format, range.count * columns,
            into: y + range.lowerBound * columns)
        }
      }
    }
  }

  private func decode(
    _ source: UnsafeRawPointer, _ format: ElementFormat, _ count: Int,
    into y: UnsafeMutablePointer<Float>
  ) {
    let bytes = source.assumingMemoryBound(to: UInt8.self)
    switch format {
    case .f32: UnsafeMutableRawPointer(y).copyMemory(from: source, byteCount: count * 4)
    case .f16: widen(source, count, into: y, kernels.pointee.f32_from_f16)
    case .bf16: widen(source, count, into: y, kernels.pointee.f32_from_bf16)
    case .q8_0: kernels.pointee.f32_from_q8_0(count / 32, bytes, y)
    case .q4_0: kernels.pointee.f32_from_q4_0(count / 32, bytes, y)
    case .q4_1: kernels.pointee.f32_from_q4_1(count / 32, bytes, y)
    }
  }

  /// Widens 16-bit numbers, which a file may hold at an odd address: then through a copy.
  private func widen(
    _ source: UnsafeRawPointer, _ count: Int, into y: UnsafeMutablePointer<Float>,
    _ kernel: (Int, UnsafePointer<UInt16>, UnsafeMutablePointer<Float>) -> Void
  ) {
    if UInt(bitPattern: source) % 2 == 0 {
      return kernel(count, source.assumingMemoryBound(to: UInt16.self), y)
    }
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: count) { copy in
      guard let base = copy.baseAddress else { return }
      UnsafeMutableRawPointer(base).copyMemory(from: source, byteCount: count * 2)
      kernel(count, base, y)
    }
  }
}
