internal import CHalterKernels

extension CPUBackend {
  public func fill(_ y: Buffer, count: Int, with value: Float) {
    precondition(y.holds(count, of: Float.self))
    let y = y.f32
    threads.ranges(count, grain: Self.grain) { range in
      (y + range.lowerBound).update(repeating: value, count: range.count)
    }
  }

  public func copy(_ x: Buffer, to y: Buffer, byteCount: Int) {
    precondition(x.byteCount >= byteCount && y.byteCount >= byteCount)
    let (x, y) = (x.base, y.base)
    threads.ranges(byteCount, grain: Self.grain * 4) { range in
      (y + range.lowerBound).copyMemory(from: x + range.lowerBound, byteCount: range.count)
    }
  }

  public func add(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int) {
    check(count, a, b, y)
    let (a, b, y, kernel) = (a.f32, b.f32, y.f32, kernels.pointee.add)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, a + range.lowerBound, b + range.lowerBound, y + range.lowerBound)
    }
  }

  public func multiply(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int) {
    check(count, a, b, y)
    let (a, b, y, kernel) = (a.f32, b.f32, y.f32, kernels.pointee.mul)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, a + range.lowerBound, b + range.lowerBound, y + range.lowerBound)
    }
  }

  public func scale(_ x: Buffer, by s: Float, into y: Buffer, count: Int) {
    check(count, x, y)
    let (x, y, kernel) = (x.f32, y.f32, kernels.pointee.scale)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, s, x + range.lowerBound, y + range.lowerBound)
    }
  }

  public func accumulate(_ x: Buffer, scaledBy s: Float, into y: Buffer, count: Int) {
    check(count, x, y)
    let (x, y, kernel) = (x.f32, y.f32, kernels.pointee.axpy)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, s, x + range.lowerBound, y + range.lowerBound)
    }
  }

  public func swiglu(gate: Elements, up: Elements, into y: Elements, count: Int) {
    let type = check(count, gate, up, y)
    let kernel = kernels.pointee.swiglu
    threads.ranges(count, grain: Self.grain) { range in
      let start = range.lowerBound
      kernel(range.count, type, gate.at(start), up.at(start), y.at(start))
    }
  }

  public func swigluBackward(
    gate: Elements, up: Elements, dy: Elements, dGate: Elements, dUp: Elements, count: Int
  ) {
    let type = check(count, gate, up, dy, dGate, dUp)
    let kernel = kernels.pointee.swiglu_backward
    threads.ranges(count, grain: Self.grain) { range in
      let start = range.lowerBound
      kernel(
        range.count, type, gate.at(start), up.at(start), dy.at(start), dGate.at(start),
        dUp.at(start))
    }
  }

  public func dropout(
    _ x: Elements, probability: Float, seed: UInt64, into y: Elements, count: Int
  ) {
    let type = check(count, x, y)
    let kernel = kernels.pointee.dropout
    threads.ranges(count, grain: Self.grain) { range in
      let start = range.lowerBound
      kernel(range.count, type, probability, seed, UInt64(start), x.at(start), y.at(start))
    }
  }

  public func sumOfSquares(_ x: Buffer, count: Int) -> Double {
    check(count, x)
    let (x, kernel) = (x.f32, kernels.pointee.sum_of_squares)
    let parts = (count + Self.grain - 1) / Self.grain
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, parts)) { sums in
      let sums = sums
      threads.ranges(count, grain: Self.grain) { range in
        sums[range.lowerBound / Self.grain] = kernel(range.count, x + range.lowerBound)
      }
      return sums[0..<parts].reduce(0, +)
    }
  }

  public func convertToBF16(_ x: Buffer, into y: Buffer, count: Int) {
    precondition(x.holds(count, of: Float.self) && y.holds(count, of: UInt16.self))
    let (x, y, kernel) = (x.f32, y.u16, kernels.pointee.bf16_from_f32)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, x + range.lowerBound, y + range.lowerBound)
    }
  }

  public func convertFromBF16(_ x: Buffer, into y: Buffer, count: Int) {
    precondition(x.holds(count, of: UInt16.self) && y.holds(count, of: Float.self))
    let (x, y, kernel) = (x.u16, y.f32, kernels.pointee.f32_from_bf16)
    threads.ranges(count, grain: Self.grain) { range in
      kernel(range.count, x + range.lowerBound, y + range.lowerBound)
    }
  }

  /// Stops the program if a buffer holds fewer than `count` f32 values.
  func check(_ count: Int, _ buffers: Buffer...) {
    precondition(
      count >= 0 && buffers.allSatisfy { $0.holds(count, of: Float.self) },
      "\(count) elements do not fit buffers of \(buffers.map(\.byteCount)) bytes")
  }

  /// Stops the program if there are fewer than `count` elements anywhere, or of several types.
  /// - Returns: the type.
  @discardableResult
  func check(_ count: Int, _ first: Elements, _ others: Elements...) -> hk_element {
    precondition(
      count >= 0 && first.holds(count) && others.allSatisfy { $0.holds(count) },
      "\(count) elements do not fit buffers of \(([first] + others).map(\.buffer.byteCount)) bytes")
    precondition(others.allSatisfy { $0.type == first.type }, "elements of several types")
    return first.type.element
  }
}

extension DType {
  /// The type as kernels know it.
  var element: hk_element { self == .bf16 ? HK_ELEMENT_BF16 : HK_ELEMENT_F32 }
}

extension Elements {
  /// The place of an element.
  func at(_ index: Int) -> UnsafeMutableRawPointer { buffer.base + index * type.byteCount }
}
