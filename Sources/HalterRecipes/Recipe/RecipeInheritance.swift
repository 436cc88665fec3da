import Foundation

/// Reads a recipe file with the files that it extends, and merges them into one tree. Each value
/// keeps the place where it was given.
struct RecipeInheritance {
  /// What `extends` may be.
  static let codec = RecipeCodec<[RecipePath]>.list(
    of: .input, "a path, or a list of paths", lone: true, minimum: 1)
  /// How many recipes may stand above each other.
  static let maximumDepth = 8

  /// The files from the recipe to the one being read.
  private struct Link {
    let name: String
    let path: String
  }

  private(set) var issues: [RecipeIssue] = []
  /// True if a file that is extended could not be read: what seems missing may be in it.
  private(set) var isIncomplete = false
  private let workingFolder: String
  /// The trees of the files that were read, so that each is read once; `nil` for an unreadable one.
  private var trees: [String: RecipeNode?] = [:]
  private var fileCount = 0

  init(workingFolder: String) {
    self.workingFolder = workingFolder
  }

  /// The merged tree of the recipe `text` that lies in `file`, or `nil` if there is none.
  mutating func read(_ text: String, name: String, file: URL) -> RecipeNode? {
    tree(of: text, in: [Link(name: name, path: file.path)])
  }

  /// The tree of the last file of `chain`, whose content is `text`, with what it extends.
  private mutating func tree(of text: String, in chain: [Link]) -> RecipeNode? {
    guard let link = chain.last else { return nil }
    let mark: Unicode.Scalar = "\u{FEFF}"  // Some editors begin UTF-8 files with it.
    let text = text.unicodeScalars.first == mark ? String(text.dropFirst()) : text
    let folder = URL(fileURLWithPath: link.path).deletingLastPathComponent().path
    let source = RecipeSource(file: link.name, in: folder, order: fileCount, text: text)
    fileCount += 1
    guard let root = parse(text, source) else { return nil }
    guard case .mapping(var entries) = root.content,
      let index = entries.firstIndex(where: { $0.key == "extends" })
    else { return root }
    let extended = bases(of: entries.remove(at: index).value, in: chain)
    let own = RecipeNode(content: .mapping(entries), place: root.place)
    let shape = RecipeShape.section(shorthand: nil, keys: { Recipe.keys })
    guard var merged = extended.first else { return own }
    for base in extended.dropFirst() + [own] {
      merged = merged.merged(with: base, shape)
    }
    return merged
  }

  /// The trees of the files that `node`, the value of `extends`, names.
  private mutating func bases(of node: RecipeNode, in chain: [Link]) -> [RecipeNode] {
    var decoding = RecipeDecoding(workingFolder: workingFolder, recipeName: "")
    var paths: [RecipePath] = []
    decoding.descend(to: "extends", at: node.place) { decoding in
      paths = Self.codec.read(node, &decoding) ?? []
    }
    issues += decoding.issues
    if paths.isEmpty { isIncomplete = true }
    var trees: [RecipeNode] = []
    for (index, path) in paths.enumerated() {
      let place = decoding.places["extends.\(index)"] ?? node.place
      if paths[..<index].contains(path) {
        refuse("\(quote(path.text)) is in the list twice: keep one of them", at: place)
      } else if let tree = base(path, at: place, in: chain) {
        trees.append(tree)
      } else {
        isIncomplete = true
      }
    }
    return trees
  }

  /// The tree of the file at `path`, which `place` in the last file of `chain` names.
  private mutating func base(
    _ path: RecipePath, at place: RecipePlace, in chain: [Link]
  ) -> RecipeNode? {
    let name = Self.name(of: path.text, besides: place.source.name)
    let longer = chain + [Link(name: name, path: path.absolute)]
    let steps = longer.map { RecipePlace.printable($0.name) }.joined(separator: " → ")
    if chain.contains(where: { $0.path == path.absolute }) {
      return refuse("a recipe cannot extend itself: \(steps)", at: place)
    }
    if longer.count > Self.maximumDepth {
      return refuse(
        "this is more than \(Self.maximumDepth) recipes above each other: \(steps)", at: place)
    }
    if let known = trees[path.absolute] { return known }
    var tree: RecipeNode?
    do throws(RecipeErrors) {
      tree = self.tree(of: try RecipeText.read(path.url, name: name), in: longer)
    } catch {
      issues += error.issues.map { issue in
        guard issue.place == nil else { return issue }
        let message =
          issue.kind == .missingFile
          ? "there is no \"\(RecipePlace.printable(path.absolute))\"" : issue.message
        return RecipeIssue("extends: \(message)", at: place, kind: issue.kind)
      }
    }
    trees[path.absolute] = .some(tree)
    return tree
  }

  @discardableResult
  private mutating func refuse(_ message: String, at place: RecipePlace) -> RecipeNode? {
    issues.append(RecipeIssue("extends: \(message)", at: place))
    return nil
  }

  private mutating func parse(_ text: String, _ source: RecipeSource) -> RecipeNode? {
    let start = RecipePlace(source, line: 1, column: 1)
    guard text.utf8.count <= RecipeParser.maximumBytes else {
      issues.append(
        RecipeIssue(
          "this file has \(text.utf8.count) bytes: a recipe has at most "
            + "\(RecipeParser.maximumBytes)", at: start))
      return nil
    }
    var parser = RecipeParser(source: source)
    let root = parser.parse(text)
    issues += parser.issues
    guard let root, !root.isNull else {
      if parser.issues.isEmpty {
        issues.append(RecipeIssue("the recipe is empty: it begins with method", at: start))
      }
      return nil
    }
    return root
  }

  /// How a user would type the path `text` that stands in the file `other`.
  private static func name(of text: String, besides other: String) -> String {
    guard !text.hasPrefix("/"), let slash = other.lastIndex(of: "/") else { return text }
    var parts: [Substring] = []
    for part in (other[...slash] + text).split(separator: "/", omittingEmptySubsequences: true) {
      if part == "." { continue }
      if part == "..", let last = parts.last, last != ".." {
        parts.removeLast()
      } else {
        parts.append(part)
      }
    }
    return (other.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}

extension RecipeNode {
  /// This value with what `over` says instead. Mappings are merged key by key; a scalar, a list or
  /// `null` takes the place of all that was there. `shape` is what the schema has at this place.
  fileprivate func merged(with over: RecipeNode, _ shape: RecipeShape) -> RecipeNode {
    guard case .section(let shorthand, let keys) = shape, case .mapping(let upper) = over.content
    else { return over }
    if content == .refused { return self }
    guard case .mapping(var entries) = expanded(shorthand: shorthand).content else { return over }
    let known = keys()
    for entry in upper {
      let key = known.first { $0.name == entry.key }
      if let index = entries.firstIndex(where: { $0.key == entry.key }) {
        let value = entries[index].value.merged(with: entry.value, key?.shape ?? .leaf(.text))
        entries[index] = Entry(key: entry.key, keyPlace: entry.keyPlace, value: value)
      } else {
        entries.append(entry)
      }
      if let other = key?.alternative, !entry.value.isNull,
        !upper.contains(where: { $0.key == other })
      {
        entries.removeAll { $0.key == other }
      }
    }
    return RecipeNode(content: .mapping(entries), place: over.place)
  }
}
