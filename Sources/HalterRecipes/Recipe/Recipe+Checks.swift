import HalterBackend

extension Recipe {
  /// Refuses values that are right alone and wrong together. Each check leaves keys alone that
  /// have a fault of their own.
  func check(_ decoding: inout RecipeDecoding) {
    checkAmounts(&decoding)
    checkOptimizer(&decoding)
    checkSchedule(&decoding)
    checkModel(&decoding)
    checkData(&decoding)
    checkShares(&decoding)
  }

  private func checkAmounts(_ decoding: inout RecipeDecoding) {
    decoding.refuse(
      if: train.epochs != nil && train.steps != nil, ["train.steps", "train.epochs"],
      "train.epochs and train.steps both say how long to train: keep one of them")
    decoding.refuse(
      if: train.batchTokens != nil && train.batchSize != nil,
      ["train.batch_size", "train.batch_tokens"],
      "train.batch_tokens and train.batch_size both say how large a batch is: keep one of them")
    if let tokens = train.batchTokens, let longest = data.maxLength {
      decoding.refuse(
        if: tokens < longest, ["train.batch_tokens", "data.max_length"],
        "a row of data.max_length \(longest) does not fit in train.batch_tokens \(tokens): raise "
          + "batch_tokens or lower max_length")
    }
    decoding.refuse(
      if: train.betas.first > train.betas.second, ["train.betas"],
      "train.betas: the first is to be no larger than the second, found "
        + "[\(numeral(train.betas.first)), \(numeral(train.betas.second))]: swap them")
  }

  private func checkOptimizer(_ decoding: inout RecipeDecoding) {
    decoding.refuse(
      if: train.loraPlusRatio != nil && adapter == nil, ["train.lora_plus_ratio", "adapter"],
      "train.lora_plus_ratio is between the two matrices of an adapter, and there is no adapter: "
        + "add one, or delete train.lora_plus_ratio")
  }

  private func checkSchedule(_ decoding: inout RecipeDecoding) {
    let schedule = train.schedule
    if let steps = train.steps, case .steps(let warmup) = train.warmup {
      decoding.refuse(
        if: warmup >= steps, ["train.warmup", "train.steps"],
        "train.warmup \(warmup) is as long as the whole run of train.steps \(steps), so that the "
          + "peak would never be held: lower it")
    }
    if case .share(let warmup) = train.warmup, schedule.kind == .wsd {
      let decay = schedule.decay ?? ScheduleRecipe.usualDecay
      decoding.refuse(
        if: warmup + decay > 1, ["train.schedule.decay", "train.warmup"],
        "train.warmup \(numeral(warmup)) and train.schedule.decay \(numeral(decay)) make more "
          + "than the whole run: lower one of them")
    }
    decoding.refuse(
      if: schedule.kind == .constant && schedule.floor != nil,
      ["train.schedule.floor", "train.schedule.type"],
      "train.schedule.floor has no meaning for constant, which never falls: delete it")
    decoding.refuse(
      if: schedule.kind != .wsd && schedule.decay != nil,
      ["train.schedule.decay", "train.schedule.type"],
      "train.schedule.decay has no meaning for \(schedule.kind.rawValue): delete it, or take wsd")
  }

  private func checkModel(_ decoding: inout RecipeDecoding) {
    decoding.refuse(
      if: model.initialization == .random && adapter != nil, ["model.init", "adapter"],
      "an adapter freezes the model, and model.init random leaves nothing worth freezing: delete "
        + "adapter to train every weight")
    checkQuantization(&decoding)
    if case .path(let path) = model.base {
      decoding.refuse(
        if: model.revision != nil, ["model.revision", "model.base"],
        "model.revision belongs to a model on a hub, and \(quote(path.text)) is a path: delete it")
    }
  }

  private func checkQuantization(_ decoding: inout RecipeDecoding) {
    guard let quantize = model.quantize else { return }
    decoding.refuse(
      if: adapter == nil, ["model.quantize", "adapter"],
      "model.quantize freezes the weights, and without an adapter nothing is left to train: add "
        + "one, or delete model.quantize")
    if let block = quantize.block {
      decoding.refuse(
        if: !WeightQuantization.blocks.contains(block), ["model.quantize.block"],
        "model.quantize.block is a power of two from 32 to 4096, found \(block): 64 is usual")
    }
    decoding.refuse(
      if: quantize.kind == .int8 && (quantize.block != nil || quantize.isDouble != nil),
      ["model.quantize.block", "model.quantize.double"],
      "int8 has a scale for each row: double and block belong to nf4 and fp4: delete them")
  }

  private func checkData(_ decoding: inout RecipeDecoding) {
    for (index, source) in (data.validation?.sources ?? []).enumerated() {
      decoding.refuse(
        if: data.train.contains { $0.overlaps(source) },
        ["data.validation.\(index).path", "data.train"],
        "\(quote(source.path.text)) is in data.train too, and a loss on rows that were learnt says "
          + "nothing: name other rows, or a share of train such as 0.1")
    }
    decoding.refuse(
      if: eval.every != nil && data.validation == nil && eval.samples.isEmpty,
      ["eval.every", "data.validation", "eval.samples"],
      "eval.every is given, but there is nothing to evaluate: add data.validation or eval.samples")
  }

  private func checkShares(_ decoding: inout RecipeDecoding) {
    for (index, source) in data.train.enumerated() {
      decoding.refuse(
        if: source.share != nil && source.weight != 1,
        ["data.train.\(index).share", "data.train.\(index).weight"],
        "share and weight both say how much is drawn of \(quote(source.path.text)): keep one of them"
      )
    }
    for index in (data.validation?.sources ?? []).indices {
      decoding.refuse(
        if: data.validation?.sources[index].share != nil, ["data.validation.\(index).share"],
        "every validation row is measured once, whatever a share says: delete it")
    }
    let shares = data.train.compactMap(\.share)
    if shares.isEmpty { return }
    decoding.refuse(
      if: shares.count < data.train.count, ["data.train"],
      "\(shares.count) of \(data.train.count) sources have a share: give one to each, or to none")
    decoding.refuse(
      if: shares.count == data.train.count && abs(shares.reduce(0, +) - 1) > 1e-6,
      ["data.train"],
      "the shares of data.train make \(numeral(shares.reduce(0, +))): let them make 1")
  }

  /// Fills in the defaults that follow from other values.
  mutating func derive(_ decoding: RecipeDecoding) {
    if var lora = adapter, lora.alpha == 0 {
      lora.alpha = 2 * Double(lora.rank)
      adapter = lora
    }
    if train.epochs == nil, train.steps == nil { train.epochs = 1 }
    if train.batchTokens == nil, train.batchSize == nil {
      train.batchTokens = max(2048, data.maxLength ?? 0)
    }
    train.schedule.derive()
    if output.absolute.isEmpty {
      let text = "runs/\(decoding.recipeName)"
      output = RecipePath(
        text: text, absolute: RecipePath.absolute(text, from: decoding.workingFolder))
    }
  }
}

extension SourceRecipe {
  /// Whether a row can be in both sources.
  fileprivate func overlaps(_ other: SourceRecipe) -> Bool {
    guard path == other.path else { return false }
    guard let part = split, let otherPart = other.split else { return true }
    return part.start < otherPart.end && otherPart.start < part.end
  }
}

extension ScheduleRecipe {
  static let usualDecay = 0.1

  fileprivate mutating func derive() {
    if kind != .constant, floor == nil { floor = kind == .cosine ? 0.1 : 0 }
    if kind == .wsd, decay == nil { decay = Self.usualDecay }
  }
}
