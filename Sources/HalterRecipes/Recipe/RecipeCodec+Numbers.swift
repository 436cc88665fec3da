/// The range of a number, in words and as a test.
struct RecipeBounds: Sendable, Equatable {
  let lower: Double
  let includesLower: Bool
  /// `nil` where the range has no end.
  let upper: Double?
  let includesUpper: Bool

  /// The range as it follows "a number": `greater than 0`.
  var description: String {
    let lowest = numeral(lower)
    guard let upper = upper.map(numeral) else {
      return includesLower ? "of at least \(lowest)" : "greater than \(lowest)"
    }
    switch (includesLower, includesUpper) {
    case (true, true): return "from \(lowest) to \(upper)"
    case (true, false): return "from \(lowest) to below \(upper)"
    case (false, true): return "greater than \(lowest) and at most \(upper)"
    case (false, false): return "greater than \(lowest) and below \(upper)"
    }
  }

  func contains(_ number: Double) -> Bool {
    guard includesLower ? number >= lower : number > lower else { return false }
    guard let upper else { return true }
    return includesUpper ? number <= upper : number < upper
  }

  /// Every number above `lower`.
  static func above(_ lower: Double) -> RecipeBounds {
    RecipeBounds(lower: lower, includesLower: false, upper: nil, includesUpper: false)
  }

  /// Above `lower`, up to and including `upper`.
  static func above(_ lower: Double, upTo upper: Double) -> RecipeBounds {
    RecipeBounds(lower: lower, includesLower: false, upper: upper, includesUpper: true)
  }

  /// Above `lower` and below `upper`.
  static func between(_ lower: Double, _ upper: Double) -> RecipeBounds {
    RecipeBounds(lower: lower, includesLower: false, upper: upper, includesUpper: false)
  }

  /// From `lower` up to, but not including, `upper`.
  static func below(_ upper: Double, from lower: Double) -> RecipeBounds {
    RecipeBounds(lower: lower, includesLower: true, upper: upper, includesUpper: false)
  }

  /// From `lower` to `upper`, both included.
  static func within(_ lower: Double, _ upper: Double) -> RecipeBounds {
    RecipeBounds(lower: lower, includesLower: true, upper: upper, includesUpper: true)
  }
}

/// `number` in the shortest digits that read back as the same value: `2e-5`, `0.1`, `3`.
func numeral(_ number: Double) -> String {
  if number == number.rounded(), abs(number) < 1e15 { return String(Int(number)) }
  let text = number.description
  let parts = text.split(separator: "e")
  if parts.count == 2, let exponent = Int(parts[1]) {
    let mantissa = parts[0].hasSuffix(".0") ? parts[0].dropLast(2) : parts[0]
    return "\(mantissa)e\(exponent)"
  }
  guard text.hasPrefix("0.000") else { return text }
  let fraction = text.dropFirst(2)
  let digits = fraction.drop { $0 == "0" }
  let point = digits.count > 1 ? "." : ""
  return "\(digits.prefix(1))\(point)\(digits.dropFirst())e-\(fraction.count - digits.count + 1)"
}

/// A scalar read as a number, or the reason why it is none.
enum RecipeNumber: Equatable {
  /// Digits with an optional sign: `42`.
  case whole(String)
  /// With a point or an exponent: `0.05`, `2e-4`.
  case decimal(String)
  /// Something people write for numbers and readers of YAML disagree about; the mend.
  case refused(String)
  case none

  /// Reads `text` by one strict grammar, the same for every key.
  init(_ text: String) {
    if let refusal = Self.refusal(text) {
      self = .refused(refusal)
      return
    }
    var rest = Substring(text)
    if let first = rest.first, first == "-" || first == "+" { rest.removeFirst() }
    let whole = Self.takeDigits(&rest)
    if rest.isEmpty {
      self = whole.isEmpty ? .none : .whole(text)
      return
    }
    var fraction = ""
    if rest.first == "." {
      rest.removeFirst()
      fraction = Self.takeDigits(&rest)
    }
    guard !(whole.isEmpty && fraction.isEmpty) else {
      self = .none
      return
    }
    if let first = rest.first, first == "e" || first == "E" {
      rest.removeFirst()
      if let sign = rest.first, sign == "-" || sign == "+" { rest.removeFirst() }
      guard !Self.takeDigits(&rest).isEmpty else {
        self = .none
        return
      }
    }
    self = rest.isEmpty ? .decimal(text) : .none
  }

  private static func takeDigits(_ text: inout Substring) -> String {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    text = text.dropFirst(digits.count)
    return String(digits)
  }

  private static func refusal(_ text: String) -> String? {
    let bare = text.drop { $0 == "-" || $0 == "+" }
    let isDigits = !bare.isEmpty && bare.allSatisfy { $0.isASCII && ($0.isNumber || $0 == "_") }
    if isDigits, bare.contains("_"), bare.first != "_" {
      return "write it without underscores"
    }
    if isDigits, bare.count > 1, bare.first == "0" {
      return "some YAML readers take a leading 0 for octal: write it without"
    }
    switch bare.prefix(2).lowercased() {
    case "0x", "0o", "0b": return "write it in decimal digits"
    default: break
    }
    switch bare.lowercased() {
    case ".inf", "inf", "infinity", ".nan", "nan": return "only finite numbers make sense here"
    default: break
    }
    if bare.hasSuffix("%"), let percent = Double(bare.dropLast()) {
      return "write it as a share: \(numeral(percent / 100))"
    }
    return nil
  }
}

extension RecipeCodec where Value == Double {
  /// A number within `bounds`.
  static func number(_ bounds: RecipeBounds) -> RecipeCodec {
    let type = "a number \(bounds.description)"
    return RecipeCodec(type, .number(bounds)) {
      .word(numeral($0))
    } decode: { node, decoding in
      guard let text = numberText(node, type, &decoding) else { return nil }
      switch RecipeNumber(text) {
      case .whole(let digits), .decimal(let digits):
        guard let value = Double(digits), value.isFinite, bounds.contains(value) else {
          decoding.expected(type, found: node)
          return nil
        }
        return value
      case .refused(let mend): decoding.expected(type, found: node, mend: mend)
      case .none: decoding.expected(type, found: node)
      }
      return nil
    }
  }
}

extension RecipeCodec where Value == Int {
  /// A whole number within `range`.
  static func whole(_ range: ClosedRange<Int>) -> RecipeCodec {
    let bounds =
      range.upperBound == .max
      ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
    let type = "a whole number \(bounds)"
    return RecipeCodec(type, .whole(range)) {
      .word(String($0))
    } decode: { node, decoding in
      guard let text = numberText(node, type, &decoding) else { return nil }
      switch RecipeNumber(text) {
      case .whole(let digits):
        guard let value = Int(digits), range.contains(value) else {
          decoding.expected(type, found: node)
          return nil
        }
        return value
      case .decimal(let digits):
        let whole = Double(digits).flatMap(Int.init(exactly:))
        decoding.expected(type, found: node, mend: whole.map { "write \($0)" })
      case .refused(let mend): decoding.expected(type, found: node, mend: mend)
      case .none: decoding.expected(type, found: node)
      }
      return nil
    }
  }
}

/// The text of a scalar that is to be a number, or `nil` after a report.
private func numberText(
  _ node: RecipeNode, _ type: String, _ decoding: inout RecipeDecoding
) -> String? {
  guard case .scalar(let text, let quoted) = node.content else {
    decoding.expected(type, found: node)
    return nil
  }
  let isNumber = [.whole(text), .decimal(text)].contains(RecipeNumber(text))
  guard !quoted else {
    decoding.expected(type, found: node, mend: isNumber ? "remove the quotes" : nil)
    return nil
  }
  return text
}
