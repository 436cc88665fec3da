import Foundation

/// The text of recipe files.
enum RecipeText {
  /// The text of `file`.
  ///
  /// - Parameter name: what errors call the file.
  /// - Throws: one issue, of kind `.missingFile` if there is no such file; it has a place if the
  ///   bytes are not UTF-8.
  static func read(_ file: URL, name: String) throws(RecipeErrors) -> String {
    let bytes: Data
    do {
      bytes = try Data(contentsOf: file)
    } catch {
      let isThere = FileManager.default.fileExists(atPath: file.path)
      let message =
        isThere
        ? "the recipe cannot be read: it is not a readable file"
        : "there is no recipe file of this name"
      throw RecipeErrors([
        RecipeIssue("\(name): \(message)", at: nil, kind: isThere ? .invalid : .missingFile)
      ])
    }
    if let text = String(bytes: bytes, encoding: .utf8) { return text }
    let (line, column) = firstInvalid(in: bytes)
    let source = RecipeSource(
      file: name, in: file.deletingLastPathComponent().path,
      text: String(decoding: bytes, as: UTF8.self))
    throw RecipeErrors([
      RecipeIssue(
        "this is not UTF-8 text: save the recipe as UTF-8",
        at: RecipePlace(source, line: line, column: column))
    ])
  }

  /// Line and column of the first byte that is not UTF-8.
  private static func firstInvalid(in bytes: Data) -> (line: Int, column: Int) {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var (line, column) = (1, 1)
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      (line, column) = scalar == "\n" ? (line + 1, 1) : (line, column + 1)
    }
    return (line, column)
  }
}
