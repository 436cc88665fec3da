internal import CHalterKernels
import Synchronization

extension CPUBackend {
  public func store(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    quantization: WeightQuantization?
  ) -> StoredWeights? {
    checkStored(source, format, rows: rows, columns: columns, rowOrder: rowOrder)
    return source.withUnsafeBytes { bytes in
      let stored = StoredRows(
        matrix: hk_matrix(
          format: format.code, rows: rows, columns: columns, stride: format.byteCount(of: columns),
          values: bytes.baseAddress, scales: nil, block: 0), order: rowOrder)
      guard let quantization else { return copied(stored, format) }
      switch quantization.kind {
      case .int8: return quantizedRows(stored)
      case .nf4, .fp4: return quantizedCodes(stored, quantization)
      }
    }
  }

  /// Rows in a file and the order to take them in.
  private struct StoredRows {
    var matrix: hk_matrix
    let order: [Int]?

    var rows: Int { matrix.rows }
    var columns: Int { matrix.columns }
    func place(_ row: Int) -> Int { order?[row] ?? row }
  }

  /// Decodes strips of rows to f32, gives each to `body` with the number of its first row, and says
  /// whether every value was finite.
  private func strips(
    of stored: StoredRows, rows perStrip: Int, _ body: (Int, UnsafeBufferPointer<Float>) -> Void
  ) -> Bool {
    let isFinite = Atomic(true)
    let (columns, isa) = (stored.columns, instructionSet.code)
    var matrix = stored.matrix
    withUnsafePointer(to: &matrix) { matrix in
      threads.ranges(stored.rows, grain: perStrip) { range in
        let strip = pool.buffer(byteCount: max(1, range.count * columns * 4))
        for row in range {
          hk_matrix_decode(
            isa, matrix, stored.place(row), 0, columns,
            strip.f32 + (row - range.lowerBound) * columns)
        }
        let count = range.count * columns
        if !kernels.pointee.sum_of_squares(count, strip.f32).isFinite {
          isFinite.store(false, ordering: .relaxed)
        }
        withExtendedLifetime(strip) {
          body(range.lowerBound, UnsafeBufferPointer(start: strip.f32, count: count))
        }
      }
    }
    return isFinite.load(ordering: .relaxed)
  }

  private func copied(_ stored: StoredRows, _ format: ElementFormat) -> StoredWeights? {
    let stride = format.byteCount(of: stored.columns)
    let values = allocate(byteCount: max(1, stored.rows * stride))
    let target = values.base
    let perStrip = max(1, Self.grain / max(1, stored.columns))
    let isFinite = strips(of: stored, rows: perStrip) { first, strip in
      guard let source = stored.matrix.values, stored.columns > 0 else { return }
      for row in first..<first + strip.count / stored.columns {
        (target + row * stride).copyMemory(
          from: source + stored.place(row) * stride, byteCount: stride)
      }
    }
    guard isFinite else { return nil }
    return StoredWeights(
      format: format, rows: stored.rows, columns: stored.columns, values: values)
  }

  private func quantizedRows(_ stored: StoredRows) -> StoredWeights? {
    let columns = stored.columns
    let values = allocate(byteCount: max(1, stored.rows * columns))
    let scales = allocate(byteCount: max(1, stored.rows * 4))
    let (target, scale) = (values.base.assumingMemoryBound(to: Int8.self), scales.f32)
    let isFinite = strips(of: stored, rows: 64) { first, strip in
      guard let start = strip.baseAddress, columns > 0 else { return }
      for row in 0..<strip.count / columns {
        scale[first + row] = hk_quantize_int8(
          columns, start + row * columns, target + (first + row) * columns)
      }
    }
    guard isFinite else { return nil }
    return StoredWeights(
      format: .int8, rows: stored.rows, columns: columns, values: values, scales: .plain(scales))
  }

  private func quantizedCodes(
    _ stored: StoredRows, _ quantization: WeightQuantization
  ) -> StoredWeights? {
    let (rows, columns, block) = (stored.rows, stored.columns, quantization.block)
    let format = quantization.kind.format
    let count = (rows * columns + block - 1) / block
    let values = allocate(byteCount: max(1, format.byteCount(of: rows * columns)))
    let scales = allocate(byteCount: max(1, count * 4))
    let (codes, scale) = (values.u8, scales.f32)
    // As many rows as a block has elements are whole blocks.
    let isFinite = strips(of: stored, rows: block) { first, strip in
      guard let start = strip.baseAddress else { return }
      let offset = first * columns
      hk_quantize_codes(
        format.code, strip.count, start, block, codes + offset / 2, scale + offset / block)
    }
    guard isFinite else { return nil }
    return StoredWeights(
      format: format, rows: rows, columns: columns, values: values,
      scales: quantization.isDouble ? .quantized(doubled(scales, count)) : .plain(scales),
      block: block)
  }

  private func doubled(_ scales: Buffer, _ count: Int) -> StoredWeights.QuantizedScales {
    let codes = allocate(byteCount: max(1, count))
    let map = allocate(byteCount: 256 * 4)
    let nested = allocate(
      byteCount: max(
        1, (count + WeightQuantization.scaleBlock - 1) / WeightQuantization.scaleBlock * 4))
    hk_dynamic_map(true, map.f32)
    let offset = hk_quantize_scales(
      count, scales.f32, map.f32, WeightQuantization.scaleBlock, codes.u8, nested.f32)
    return .init(
      codes: codes, map: map, nested: nested, block: WeightQuantization.scaleBlock, offset: offset)
  }
}
