import Foundation

/// What a decoder knows and collects while it reads a recipe: where it is, where paths begin, and
/// every fault so far.
struct RecipeDecoding {
  /// The folder of the command, where relative paths of arguments and of `output` begin.
  let workingFolder: String
  /// The recipe's name: its file name without the extension.
  let recipeName: String
  /// The method of the recipe; `nil` if it is missing or wrong, and so any method's keys are read.
  let method: Method?
  /// True if a file that the recipe extends could not be read: what seems missing may be in it.
  let isIncomplete: Bool

  private(set) var issues: [RecipeIssue] = []
  /// Key paths that have a fault; checks between keys leave them alone.
  private(set) var faulty: Set<String> = []
  /// Where the value of each key path was given; a path that is absent has its default.
  private(set) var places: [String: RecipePlace] = [:]
  /// The key path being read.
  private(set) var path: [String] = []

  init(
    workingFolder: String, recipeName: String, method: Method? = nil, isIncomplete: Bool = false
  ) {
    self.workingFolder = workingFolder
    self.recipeName = recipeName
    self.method = method
    self.isIncomplete = isIncomplete
  }

  /// `path` in dots, or words for the top level.
  var location: String { path.joined(separator: ".") }

  /// Whether the recipe's method has a key.
  func has(_ key: RecipeKeyEntry) -> Bool { method.map(key.methods.contains) ?? true }

  /// Reads below the key or index `component`.
  mutating func descend(
    to component: String, at place: RecipePlace, _ body: (inout RecipeDecoding) -> Void
  ) {
    path.append(component)
    places[location] = place
    body(&self)
    path.removeLast()
  }

  /// Notes a fault of the value being read; the message gets the key path in front.
  mutating func report(_ message: String, at place: RecipePlace) {
    faulty.insert(location)
    let subject = path.isEmpty ? "a recipe" : location
    issues.append(RecipeIssue("\(subject): \(message)", at: place))
  }

  /// Notes a fault of the key `name` in the section being read, with a message of its own.
  mutating func reportKey(
    _ name: String, _ message: String, at place: RecipePlace, kind: RecipeIssue.Kind = .invalid
  ) {
    faulty.insert((path + [name]).joined(separator: "."))
    issues.append(RecipeIssue(message, at: place, kind: kind))
  }

  /// Notes that another value was expected.
  mutating func expected(_ what: String, found node: RecipeNode, mend: String? = nil) {
    let mend = mend.map { "; \($0)" } ?? ""
    report("expected \(what), found \(node.summary)\(mend)", at: node.place)
  }

  /// Marks the value being read as faulty without a report, one having been made already.
  mutating func skip() {
    faulty.insert(location)
  }

  /// Refuses a combination of values, unless one of them has a fault of its own.
  ///
  /// - Parameters:
  ///   - condition: true if the combination is wrong.
  ///   - paths: the keys that it is about; the report points at the first that was given.
  ///   - message: the fault and its mend.
  mutating func refuse(if condition: Bool, _ paths: [String], _ message: @autoclosure () -> String)
  {
    let isFaulty = paths.contains { path in
      faulty.contains { $0 == path || path.hasPrefix($0 + ".") || $0.hasPrefix(path + ".") }
    }
    guard condition, !isFaulty else { return }
    issues.append(RecipeIssue(message(), at: paths.compactMap { places[$0] }.first))
  }

  /// The absolute path of `text`: what an argument says begins in the working folder, what a file
  /// says begins in that file's folder.
  func absolutePath(_ text: String, at place: RecipePlace, isOutput: Bool) -> String {
    if case .file(let folder, _) = place.source.kind, !isOutput {
      return RecipePath.absolute(text, from: folder)
    }
    return RecipePath.absolute(text, from: workingFolder)
  }
}
