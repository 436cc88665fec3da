import Yams

/// Turns YAML text into a tree with places. Recipes use a small part of YAML: one document, no
/// anchors, no tags, no merge keys, no duplicate keys. Whatever else is found is an issue.
struct RecipeParser {
  private let source: RecipeSource
  private let columnOffset: Int
  private(set) var issues: [RecipeIssue] = []
  /// Keys that were given another first letter so that Yams accepts their duplicates.
  private var renamed: [Position: String] = [:]

  /// A place in the text that was parsed, which for an argument is not the whole argument.
  private struct Position: Hashable {
    let line: Int
    let column: Int

    init(_ mark: Mark?) {
      line = mark?.line ?? 1
      column = mark?.column ?? 1
    }
  }

  /// More bytes than any recipe needs; bounds the work that a wrong file can cause.
  static let maximumBytes = 1 << 20

  /// A parser of text that begins at `column` of the first line of `source`.
  init(source: RecipeSource, column: Int = 1) {
    self.source = source
    columnOffset = column - 1
  }

  /// The tree of `text`, or `nil` if it is empty or so broken that there is none.
  mutating func parse(_ text: String) -> RecipeNode? {
    var scalars = Array(text.unicodeScalars)
    let renameLimit = 64
    for attempt in 0...renameLimit {
      do {
        // Yams reads from the string's own storage, which very short strings do not have: the
        // closing comment makes every text long enough.
        let closed = String(String.UnicodeScalarView(scalars)) + "\n# end of the recipe text"
        let parser = try Parser(yaml: closed, resolver: .basic, encoding: .utf8)
        // Anchors live only as long as the parser.
        return try withExtendedLifetime(parser) {
          try parser.singleRoot().map { tree(of: $0) }
        }
      } catch YamlError.duplicatedKeysInMapping(let keys, let context)
        where attempt < renameLimit && rename(keys, at: context.mark, in: &scalars)
      {
        continue
      } catch {
        issues.append(issue(for: error))
        return nil
      }
    }
    return nil
  }

  // MARK: Duplicate keys

  /// Yams stops at the first duplicate and tells only where the first of the two keys is. Giving
  /// that key another first letter lets it go on; the tree gets the true name back and reports the
  /// duplicate with both places.
  private mutating func rename(
    _ keys: [String], at mark: Mark, in scalars: inout [Unicode.Scalar]
  ) -> Bool {
    guard let key = keys.first, let first = key.unicodeScalars.first,
      let standIn = Unicode.Scalar(0xE000 + UInt32(renamed.count))
    else { return false }
    var line = 1
    var start = 0
    for index in scalars.indices where line < mark.line {
      let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
      if !isPair, ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"].contains(scalars[index]) {
        line += 1
        start = index + 1
      }
    }
    var index = start + mark.column - 1
    if index < scalars.count, ["\"", "'"].contains(scalars[index]) { index += 1 }
    guard line == mark.line, index < scalars.count, scalars[index] == first else { return false }
    scalars[index] = standIn
    renamed[Position(mark)] = key
    return true
  }

  // MARK: From Yams nodes

  private mutating func tree(of node: Node) -> RecipeNode {
    let position = Position(node.mark)
    switch node {
    case .scalar(let scalar):
      let place = place(of: scalar, at: position)
      let tag = scalar.tag.rawValue
      if refuse(anchor: scalar.anchor, at: place) || refuse(tag: tag, at: place) {
        return RecipeNode(content: .refused, place: place)
      }
      let quoted = scalar.style != .plain || !tag.isEmpty
      return RecipeNode(content: .scalar(scalar.string, quoted: quoted), place: place)
    case .sequence(let sequence):
      let place = self.place(position)
      if refuse(anchor: sequence.anchor, at: place)
        || refuse(tag: sequence.tag.rawValue, at: place)
      {
        return RecipeNode(content: .refused, place: place)
      }
      var items: [RecipeNode] = []
      for item in sequence {
        items.append(tree(of: item))
      }
      return RecipeNode(content: .list(items), place: place)
    case .mapping(let mapping):
      return tree(of: mapping, at: place(position))
    case .alias:
      let place = self.place(position)
      issues.append(RecipeIssue(Self.noAnchors, at: place))
      return RecipeNode(content: .refused, place: place)
    }
  }

  private mutating func tree(of mapping: Node.Mapping, at place: RecipePlace) -> RecipeNode {
    if refuse(anchor: mapping.anchor, at: place) || refuse(tag: mapping.tag.rawValue, at: place) {
      return RecipeNode(content: .refused, place: place)
    }
    var entries: [RecipeNode.Entry] = []
    for (keyNode, valueNode) in mapping {
      let keyTree = tree(of: keyNode)
      guard case .scalar(let written, _) = keyTree.content else {
        if keyTree.content != .refused {
          issues.append(
            RecipeIssue("a key must be a word, found \(keyTree.summary)", at: keyTree.place))
        }
        continue
      }
      let key = renamed[Position(keyNode.mark)] ?? written
      let value = tree(of: valueNode)
      if key == "<<" {
        issues.append(
          RecipeIssue(
            "merge keys are not part of the recipe language: write the keys out",
            at: keyTree.place))
      } else if let first = entries.first(where: { $0.key == key }) {
        issues.append(
          RecipeIssue(
            "duplicate key \(quote(key)), first given in line \(first.keyPlace.line), column "
              + "\(first.keyPlace.column): keep one of them", at: keyTree.place))
      } else {
        entries.append(RecipeNode.Entry(key: key, keyPlace: keyTree.place, value: value))
      }
    }
    return RecipeNode(content: .mapping(entries), place: place)
  }

  private static let noAnchors =
    "anchors and aliases are not part of the recipe language: write the value out"

  private mutating func refuse(anchor: Anchor?, at place: RecipePlace) -> Bool {
    guard anchor != nil else { return false }
    issues.append(RecipeIssue(Self.noAnchors, at: place))
    return true
  }

  private mutating func refuse(tag: String, at place: RecipePlace) -> Bool {
    // Yams gives a tag of its own to keys and to quoted text.
    let implied = ["", Tag.Name.str.rawValue, Tag.Name.seq.rawValue, Tag.Name.map.rawValue]
    guard !implied.contains(tag) else { return false }
    issues.append(
      RecipeIssue(
        "the tag \(quote(tag.replacing("tag:yaml.org,2002:", with: "!!"))) is not part of the recipe language: leave it out",
        at: place))
    return true
  }

  // MARK: Places

  private func place(_ position: Position, length: Int = 1) -> RecipePlace {
    // Yams finds an unclosed bracket in the closing comment, which the source does not have.
    guard position.line <= source.lines.count else {
      let end = source.lines.last?.unicodeScalars.count ?? 0
      return RecipePlace(source, line: source.lines.count, column: end + 1)
    }
    let column = position.line == 1 ? position.column + columnOffset : position.column
    return RecipePlace(source, line: position.line, column: column, length: length)
  }

  private func place(of scalar: Node.Scalar, at position: Position) -> RecipePlace {
    let quotes = scalar.style == .plain ? 0 : 2
    return place(position, length: scalar.string.unicodeScalars.count + quotes)
  }

  // MARK: Syntax errors

  private func issue(for error: any Error) -> RecipeIssue {
    guard let error = error as? YamlError else {
      return RecipeIssue("not valid YAML: \(error)", at: nil)
    }
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      return syntaxIssue(problem, context: context, at: place(Position(mark)))
    case .reader(let problem, let offset, let value, _):
      let character = value < 0 ? "" : " (U+\(String(value, radix: 16, uppercase: true)))"
      return RecipeIssue("not valid YAML: \(problem)\(character)", at: place(ofCharacter: offset))
    case .duplicatedKeysInMapping(let keys, let context):
      return RecipeIssue(
        "duplicate key \(quote(keys.first ?? "")): keep one of them",
        at: place(Position(context.mark)))
    default:
      return RecipeIssue("not valid YAML: \(error)", at: place(Position(nil)))
    }
  }

  private func syntaxIssue(
    _ problem: String, context: YamlError.Context?, at place: RecipePlace
  ) -> RecipeIssue {
    let isLine = source.lines.indices.contains(place.line - 1)
    let line = isLine ? source.lines[place.line - 1] : ""
    if let tab = line.unicodeScalars.prefix(while: { $0 == " " || $0 == "\t" })
      .firstIndex(of: "\t")
    {
      let column = line.unicodeScalars.distance(from: line.startIndex, to: tab) + 1
      return RecipeIssue(
        "this line is indented with a tab: YAML indents with spaces only",
        at: RecipePlace(source, line: place.line, column: column))
    }
    if problem.contains("alias") { return RecipeIssue(Self.noAnchors, at: place) }
    if problem.contains("another document") {
      return RecipeIssue(
        "a second document begins here: a recipe file holds one recipe", at: place)
    }
    let context = context.map { " \($0.text) of line \(self.place(Position($0.mark)).line)" } ?? ""
    let mend = Self.mends.first { problem.contains($0.key) }.map { ": " + $0.mend } ?? ""
    return RecipeIssue("not valid YAML: \(problem)\(context)\(mend)", at: place)
  }

  /// What to do about faults that the reader of YAML tells in its own words.
  private static let mends: [(key: String, mend: String)] = [
    ("mapping values are not allowed", "text with a colon in it stands in quotes"),
    ("cannot start any token", "text that begins with this character stands in quotes"),
    ("could not find expected ':'", "a key is followed by a colon and a space"),
    ("did not find expected key", "keys of one section are indented alike"),
    ("block sequence entries are not allowed", "a list begins on a line of its own"),
  ]

  /// The place of the character at `offset`.
  private func place(ofCharacter offset: Int?) -> RecipePlace {
    var rest = offset ?? 0
    for (index, line) in source.lines.enumerated() {
      if rest <= line.count {
        return RecipePlace(source, line: index + 1, column: rest + 1 + columnOffset)
      }
      rest -= line.count + 1
    }
    return RecipePlace(source, line: source.lines.count, column: 1)
  }
}
