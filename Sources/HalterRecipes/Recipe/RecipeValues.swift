/// The matrices of a model that get an adapter.
public enum AdapterTargets: Sendable, Equatable {
  /// Every linear layer of the transformer blocks, not the head.
  case allLinear
  /// Layers with these last names, as `q_proj`, or these dotted ends of names.
  case names([String])
  /// Layers whose whole name the regular expression matches.
  case pattern(String)
}

extension RecipeCodec where Value == AdapterTargets {
  private static let words = "all-linear, a list of layer names, or a regular expression"

  static let targets = RecipeCodec(
    words, .either([.words(["all-linear"]), .text, .list(of: .text, 1...Int.max)])
  ) { targets in
    switch targets {
    case .allLinear: .word("all-linear")
    case .names(let names): .list(names.map { .text($0) })
    case .pattern(let pattern): .text(pattern)
    }
  } decode: { node, decoding in
    switch node.content {
    case .scalar("all-linear", _): return .allLinear
    case .scalar(let text, _):
      if isLayerName(text) {
        guard let near = Suggestion.nearest(to: text, among: ["all-linear"]) else {
          return .names([text])
        }
        decoding.expected(words, found: node, mend: "did you mean \"\(near)\"?")
        return nil
      }
      guard !text.isEmpty, (try? Regex(text)) != nil else {
        decoding.expected(words, found: node, mend: "this is no valid regular expression")
        return nil
      }
      return .pattern(text)
    case .list(let items): return names(items, node, &decoding)
    case .mapping, .refused:
      decoding.expected(words, found: node)
      return nil
    }
  }

  private static func names(
    _ items: [RecipeNode], _ node: RecipeNode, _ decoding: inout RecipeDecoding
  ) -> AdapterTargets? {
    var names: [String] = []
    let before = decoding.issues.count
    for item in items {
      guard case .scalar(let text, _) = item.content, isLayerName(text), text != "all-linear" else {
        decoding.expected("the name of a layer, as q_proj", found: item)
        continue
      }
      if names.contains(text) {
        decoding.report("\(quote(text)) is in the list twice", at: item.place)
      }
      names.append(text)
    }
    if items.isEmpty { decoding.expected(words, found: node, mend: "the list is empty") }
    return decoding.issues.count == before ? .names(names) : nil
  }

  private static func isLayerName(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        let scalar = Unicode.Scalar(byte)
        return scalar.properties.isAlphabetic && scalar.isASCII
          || ("0"..."9").contains(scalar) || ["_", "-", "."].contains(scalar)
      }
  }
}

/// Transformer blocks, counted from 0.
public struct LayerSelection: Sendable, Equatable {
  /// Ascending, separate ranges.
  public let ranges: [ClosedRange<Int>]

  /// Whether block `index` is selected.
  public func contains(_ index: Int) -> Bool {
    ranges.contains { $0.contains(index) }
  }

  /// The highest selected block.
  public var last: Int { ranges.last?.upperBound ?? 0 }

  init(_ ranges: [ClosedRange<Int>]) {
    var merged: [ClosedRange<Int>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let previous = merged.last, range.lowerBound <= previous.upperBound + 1 {
        merged[merged.count - 1] =
          previous.lowerBound...max(previous.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    self.ranges = merged
  }
}

extension RecipeCodec where Value == LayerSelection {
  private static let words = "block numbers: 3, a range as 0-11, or a list of these"
  private static let highest = 9999

  private static let block = RecipeGrammar.either([
    .whole(0...highest), .pattern("[0-9]+(-[0-9]+)?"),
  ])

  static let layers = RecipeCodec(
    words, .either([block, .list(of: block, 1...Int.max)])
  ) { selection in
    .list(
      selection.ranges.map { range in
        .word(
          range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)")
      })
  } decode: { node, decoding in
    let items: [RecipeNode]
    switch node.content {
    case .list(let entries): items = entries
    default: items = [node]
    }
    var ranges: [ClosedRange<Int>] = []
    for item in items {
      guard let range = range(item) else {
        decoding.expected(words, found: item)
        continue
      }
      ranges.append(range)
    }
    if items.isEmpty { decoding.expected(words, found: node, mend: "the list is empty") }
    return ranges.count == items.count && !items.isEmpty ? LayerSelection(ranges) : nil
  }

  private static func range(_ node: RecipeNode) -> ClosedRange<Int>? {
    guard case .scalar(let text, _) = node.content else { return nil }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { part -> Int? in
      guard case .whole(let digits) = RecipeNumber(String(part)), let number = Int(digits) else {
        return nil
      }
      return (0...highest).contains(number) && part.first?.isNumber == true ? number : nil
    }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
      first <= last
    else { return nil }
    return first...last
  }
}

/// How an adapter begins.
public enum AdapterInitialization: Sendable, Equatable {
  /// As PEFT begins: it changes nothing at first.
  case identity
  /// With the weights of an adapter directory, and a fresh optimiser.
  case adapter(RecipePath)
}

extension RecipeCodec where Value == AdapterInitialization {
  static let adapterInitialization = RecipeCodec(
    "default, or the directory of an adapter", .either([.words(["default"]), .path])
  ) {
    switch $0 {
    case .identity: .word("default")
    case .adapter(let path): .text(path.absolute)
    }
  } decode: { node, decoding in
    if case .scalar("default", _) = node.content { return .identity }
    if case .scalar(let text, _) = node.content, !text.contains("/"),
      Suggestion.nearest(to: text, among: ["default"]) != nil
    {
      decoding.expected(
        "default, or the directory of an adapter", found: node, mend: "did you mean \"default\"?")
      return nil
    }
    return RecipeCodec<RecipePath>.input.read(node, &decoding).map { .adapter($0) }
  }
}

/// The steps in which the learning rate rises from 0 to its peak.
public enum Warmup: Sendable, Equatable {
  /// A share of all steps, above 0 and below 1.
  case share(Double)
  /// So many steps; 0 for no warm-up.
  case steps(Int)

  /// The warm-up in steps of a run of `total` steps, rounded up.
  public func steps(of total: Int) -> Int {
    switch self {
    case .share(let share): Int((share * Double(total)).rounded(.up))
    case .steps(let steps): steps
    }
  }
}

extension RecipeCodec where Value == Warmup {
  private static let words = "a number of steps, as 20, or a share of them below 1, as 0.05"

  static let warmup = RecipeCodec(
    words, .either([.whole(0...Int.max), .number(.below(1, from: 0))])
  ) {
    switch $0 {
    case .share(let share): .word(numeral(share))
    case .steps(let steps): .word(String(steps))
    }
  } decode: { node, decoding in
    guard case .scalar(let text, quoted: false) = node.content else {
      decoding.expected(words, found: node)
      return nil
    }
    switch RecipeNumber(text) {
    case .whole(let digits):
      if let steps = Int(digits), steps >= 0 { return .steps(steps) }
      decoding.expected(words, found: node)
    case .decimal(let digits):
      let share = Double(digits) ?? -1
      if share == 0 { return .steps(0) }
      if share > 0, share < 1 { return .share(share) }
      let steps = Int(exactly: share).flatMap { $0 > 0 ? $0 : nil }
      decoding.expected(words, found: node, mend: steps.map { "for steps write \($0)" })
    case .refused(let mend): decoding.expected(words, found: node, mend: mend)
    case .none: decoding.expected(words, found: node)
    }
    return nil
  }
}

/// The decay rates of AdamW's running means.
public struct Betas: Sendable, Equatable {
  /// Of the gradient.
  public let first: Double
  /// Of its square.
  public let second: Double
}

extension RecipeCodec where Value == Betas {
  private static let words = "a list of two numbers from 0 to below 1, as [0.9, 0.999]"

  static let betas = RecipeCodec(
    words, .list(of: .number(.below(1, from: 0)), 2...2)
  ) {
    .list([.word(numeral($0.first)), .word(numeral($0.second))])
  } decode: { node, decoding in
    guard case .list(let items) = node.content, items.count == 2 else {
      decoding.expected(words, found: node)
      return nil
    }
    let beta = RecipeCodec<Double>.number(.below(1, from: 0))
    let values = items.compactMap { beta.read($0, &decoding) }
    return values.count == 2 ? Betas(first: values[0], second: values[1]) : nil
  }
}

extension RecipeCodec where Value == Int? {
  /// `auto`, or a count.
  static let threads: RecipeCodec = {
    let count = RecipeCodec<Int>.whole(1...1024)
    let words = "auto, or \(count.type)"
    return RecipeCodec(words, .either([.words(["auto"]), .whole(1...1024)])) {
      $0.map { .word(String($0)) } ?? .word("auto")
    } decode: {
      node, decoding in
      guard case .scalar(let text, _) = node.content else {
        decoding.expected(words, found: node)
        return nil
      }
      if text == "auto" { return .some(nil) }
      if RecipeNumber(text) == .none {
        decoding.expected(words, found: node)
        return nil
      }
      return count.read(node, &decoding).map { .some($0) }
    }
  }()
}
