internal import CHalterKernels

extension CPUBackend {
  public func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, m: Buffer, v: Buffer,
    count: Int
  ) {
    check(count, gradient, parameter, m, v)
    let (g, p, m, v) = (gradient.f32, parameter.f32, m.f32, v.f32)
    let (c, kernel) = (constants.code, kernels.pointee.adamw)
    threads.ranges(count, grain: Self.grain) { range in
      let start = range.lowerBound
      withUnsafePointer(to: c) { c in
        kernel(range.count, c, g + start, p + start, m + start, v + start)
      }
    }
  }

  public func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, moments: QuantizedMoments,
    count: Int
  ) {
    check(count, gradient, parameter)
    precondition(
      moments.first.holds(count) && moments.second.holds(count),
      "\(count) elements do not fit the codes of the moments")
    let (g, p) = (gradient.f32, parameter.f32)
    let (m, mScales) = (moments.first.codes.u8, moments.first.scales.f32)
    let (v, vScales) = (moments.second.codes.u8, moments.second.scales.f32)
    let (signed, unsigned) = (DynamicMap.signedCode.table, DynamicMap.unsignedCode.table)
    let (c, kernel) = (constants.code, kernels.pointee.adamw_8bit)
    // The grain is a whole number of blocks.
    threads.ranges(count, grain: Self.grain) { range in
      let start = range.lowerBound
      let block = start / QuantizedMoments.block
      withUnsafePointer(to: c) { c in
        kernel(
          range.count, c, signed, unsigned, g + start, p + start, m + start, mScales + block,
          v + start, vScales + block)
      }
    }
  }
}

extension AdamWConstants {
  fileprivate var code: hk_adamw_constants {
    hk_adamw_constants(
      learning_rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weight_decay: weightDecay, bias_correction1: biasCorrection(beta1),
      sqrt_bias_correction2: biasCorrection(beta2).squareRoot(), gradient_scale: gradientScale)
  }

  /// 1 - beta^step, in double because it cancels for small steps.
  private func biasCorrection(_ beta: Float) -> Float {
    var power = 1.0
    for _ in 0..<step { power *= Double(beta) }
    return Float(1 - power)
  }
}
