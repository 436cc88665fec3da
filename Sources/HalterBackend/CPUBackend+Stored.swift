internal import CHalterKernels

extension CPUBackend {
  public func decode(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    into y: Buffer
  ) {
    checkStored(source, format, rows: rows, columns: columns, rowOrder: rowOrder)
    check(rows * columns, y)
    let (y, isa, rowBytes) = (y.f32, instructionSet.code, format.byteCount(of: columns))
    source.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress, rows > 0, columns > 0 else { return }
      var matrix = hk_matrix(
        format: format.code, rows: rows, columns: columns, stride: rowBytes, values: start,
        scales: nil, block: 0)
      withUnsafeMutablePointer(to: &matrix) { matrix in
        threads.ranges(rows, grain: max(1, Self.grain / columns)) { range in
          for row in range {
            hk_matrix_decode(isa, matrix, rowOrder?[row] ?? row, 0, columns, y + row * columns)
          }
        }
      }
    }
  }

  /// Checks that rows of a format lie in the bytes of a file.
  func checkStored(
    _ source: RawSpan, _ format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?
  ) {
    precondition(!format.hasSeparateScales, "\(format.rawValue) is more than its elements")
    precondition(columns % format.blockSize == 0, "rows of \(columns) are not whole blocks")
    let rowBytes = format.byteCount(of: columns)
    precondition(source.byteCount >= rows * rowBytes, "\(source.byteCount) bytes for \(rows) rows")
    if let rowOrder {
      precondition(
        rowOrder.count == rows && rowOrder.allSatisfy { (0..<rows).contains($0) },
        "the order of \(rowOrder.count) rows does not fit \(rows) stored rows")
    }
  }

  public func gatherRows(of weights: StoredWeights, ids: Buffer, into y: Buffer, count: Int) {
    precondition(ids.holds(count, of: Int32.self))
    let ids = ids.i32
    for index in 0..<count {
      precondition((0..<weights.rows).contains(Int(ids[index])), "row \(ids[index])")
    }
    decodeRows(of: weights, count: count, into: y) { Int(ids[$0]) }
  }

  public func decodeRows(_ range: Range<Int>, of weights: StoredWeights, into y: Buffer) {
    precondition(range.lowerBound >= 0 && range.upperBound <= weights.rows, "rows \(range)")
    decodeRows(of: weights, count: range.count, into: y) { range.lowerBound + $0 }
  }

  private func decodeRows(
    of weights: StoredWeights, count: Int, into y: Buffer, _ row: (Int) -> Int
  ) {
    let columns = weights.columns
    check(count * columns, y)
    let (y, isa) = (y.f32, instructionSet.code)
    withMatrix(weights) { matrix in
      var matrix = matrix
      withUnsafeMutablePointer(to: &matrix) { matrix in
        threads.ranges(count, grain: max(1, Self.grain / max(1, columns))) { range in
          for index in range {
            hk_matrix_decode(isa, matrix, row(index), 0, columns, y + index * columns)
          }
        }
      }
    }
  }

  /// Calls a closure with the kernels' view of stored weights; double quantised scales are restored
  /// to f32 for its duration.
  func withMatrix<R>(_ weights: StoredWeights, _ body: (hk_matrix) -> R) -> R {
    let scales: Buffer? =
      switch weights.scales {
      case .plain(let buffer): buffer
      case .quantized(let scales): restored(scales, count: weights.scaleCount)
      case nil: nil
      }
    return withExtendedLifetime((weights, scales)) {
      body(
        hk_matrix(
          format: weights.format.code, rows: weights.rows, columns: weights.columns,
          stride: weights.stride, values: weights.values.base, scales: scales.map { $0.f32 },
          block: weights.block))
    }
  }

  private func restored(_ scales: StoredWeights.QuantizedScales, count: Int) -> Buffer {
    let y = pool.buffer(byteCount: max(1, count * 4))
    let (codes, map, nested) = (scales.codes.u8, scales.map.f32, scales.nested.f32)
    let target = y.f32
    // Whole blocks, so that a task begins with one.
    threads.ranges(count, grain: max(1, Self.grain / scales.block) * scales.block) { range in
      hk_scales_restore(
        range.count, codes + range.lowerBound, map, nested + range.lowerBound / scales.block,
        scales.block, scales.offset, target + range.lowerBound)
    }
    return y
  }
}
