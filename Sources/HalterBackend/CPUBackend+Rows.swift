internal import CHalterKernels

extension CPUBackend {
  public func rmsNorm(
    _ x: Buffer, weight: Buffer, epsilon: Float, into y: Elements, normalized: Buffer?,
    rstd: Buffer, rows: Int, columns: Int
  ) {
    check(rows * columns, x)
    let normalized = normalized.map { Elements($0, y.type) }
    let type = check(rows * columns, y, normalized ?? y)
    check(columns, weight)
    check(rows, rstd)
    let (x, w, rstd, kernel) = (x.f32, weight.f32, rstd.f32, kernels.pointee.rmsnorm)
    threads.ranges(rows, grain: rowGrain(columns)) { range in
      let start = range.lowerBound * columns
      kernel(
        range.count, columns, epsilon, x + start, w, type, y.at(start), normalized?.at(start),
        rstd + range.lowerBound)
    }
  }

  public func rmsNormBackward(
    normalized: Elements, weight: Buffer, rstd: Buffer, dy: Buffer, dx: Buffer, accumulate: Bool,
    dWeight: Buffer?, rows: Int, columns: Int
  ) {
    let type = check(rows * columns, normalized)
    check(rows * columns, dy, dx)
    check(columns, weight)
    check(rows, rstd)
    let grain = rowGrain(columns)
    let parts = (rows + grain - 1) / grain
    // Each range of rows sums the gradient of the weight apart; the sums are added in order.
    let partial = dWeight.map { _ in allocate(byteCount: max(1, parts) * columns * 4) }
    if let partial { fill(partial, count: parts * columns, with: 0) }
    let (w, rstd, dy, dx, partials) = (weight.f32, rstd.f32, dy.f32, dx.f32, partial?.f32)
    let kernel = kernels.pointee.rmsnorm_backward
    threads.ranges(rows, grain: grain) { range in
      let start = range.lowerBound * columns
      kernel(
        range.count, columns, type, normalized.at(start), w, rstd + range.lowerBound, dy + start,
        accumulate, dx + start, partials.map { $0 + range.lowerBound / grain * columns })
    }
    if let partial, let dWeight {
      addColumnSums(of: Elements(partial), to: dWeight, rows: parts, columns: columns)
    }
  }

  public func scaleColumns(
    _ x: Elements, by w: Buffer, into y: Elements, rows: Int, columns: Int
  ) {
    let type = check(rows * columns, x, y)
    check(columns, w)
    let (w, kernel) = (w.f32, kernels.pointee.scale_columns)
    threads.ranges(rows, grain: rowGrain(columns)) { range in
      let start = range.lowerBound * columns
      kernel(range.count, columns, type, x.at(start), w, y.at(start))
    }
  }

  public func addBias(_ bias: Buffer, to y: Elements, rows: Int, columns: Int) {
    let type = check(rows * columns, y)
    check(columns, bias)
    let (bias, kernel) = (bias.f32, kernels.pointee.add_bias)
    threads.ranges(rows, grain: rowGrain(columns)) { range in
      kernel(range.count, columns, bias, type, y.at(range.lowerBound * columns))
    }
  }

  public func addColumnSums(of x: Elements, to sums: Buffer, rows: Int, columns: Int) {
    let type = check(rows * columns, x)
    check(columns, sums)
    kernels.pointee.add_column_sums(rows, columns, type, x.buffer.base, sums.f32)
  }

  public func gatherRows(_ table: Buffer, ids: Buffer, into y: Buffer, count: Int, columns: Int) {
    precondition(ids.holds(count, of: Int32.self) && y.holds(count * columns, of: Float.self))
    let (capacity, source, ids, y) = (table.byteCount / 4, table.f32, ids.i32, y.f32)
    threads.ranges(count, grain: rowGrain(columns)) { range in
      for row in range {
        let start = Int(ids[row]) * columns
        precondition(start >= 0 && start + columns <= capacity, "row \(ids[row]) is out of range")
        (y + row * columns).update(from: source + start, count: columns)
      }
    }
  }

  public func scatterAddRows(
    _ x: Buffer, ids: Buffer, to table: Buffer, count: Int, columns: Int
  ) {
    precondition(ids.holds(count, of: Int32.self) && x.holds(count * columns, of: Float.self))
    let capacity = table.byteCount / 4
    let (x, ids, table, kernel) = (x.f32, ids.i32, table.f32, kernels.pointee.axpy)
    // Split by columns: two tokens may share a row, and the order of sums must stay fixed.
    threads.ranges(columns, grain: 64) { range in
      for row in 0..<count {
        let start = Int(ids[row]) * columns
        precondition(start >= 0 && start + columns <= capacity, "row \(ids[row]) is out of range")
        kernel(
          range.count, 1, x + row * columns + range.lowerBound, table + start + range.lowerBound)
      }
    }
  }

  public func rope(
    _ x: Elements, rows: Int, heads: Int, headDim: Int, positions: Buffer, cosines: Buffer,
    sines: Buffer, sign: Float
  ) {
    let width = heads * headDim
    let type = check(rows * width, x)
    precondition(positions.holds(rows, of: Int32.self))
    let half = headDim / 2
    let capacity = min(cosines.byteCount, sines.byteCount) / 4
    let (positions, cosines, sines) = (positions.i32, cosines.f32, sines.f32)
    let kernel = kernels.pointee.rope
    threads.ranges(rows, grain: rowGrain(width)) { range in
      for row in range {
        let start = Int(positions[row]) * half
        precondition(
          start >= 0 && start + half <= capacity, "position \(positions[row]) is out of range")
      }
      kernel(
        range.count, heads, headDim, positions + range.lowerBound, cosines, sines, sign,
        type, x.at(range.lowerBound * width), width)
    }
  }

  public func crossEntropy(
    logits: Buffer, labels: Buffer, weights: Buffer?, logprobs: Buffer, rows: Int,
    vocabulary: Int
  ) {
    check(rows * vocabulary, logits)
    check(rows, logprobs, weights ?? logprobs)
    precondition(labels.holds(rows, of: Int32.self))
    let (logits, labels, weights, logprobs) = (logits.f32, labels.i32, weights?.f32, logprobs.f32)
    let kernel = kernels.pointee.cross_entropy
    threads.ranges(rows, grain: rowGrain(vocabulary)) { range in
      let start = range.lowerBound
      for row in range {
        precondition((0..<vocabulary).contains(Int(labels[row])), "label \(labels[row])")
      }
      kernel(
        range.count, vocabulary, labels + start, weights.map { $0 + start },
        logits + start * vocabulary, vocabulary, logprobs + start)
    }
  }

  /// Rows that one task works on, so that it has about `grain` elements.
  private func rowGrain(_ columns: Int) -> Int { max(1, Self.grain / max(1, columns)) }
}
