/// A value of a recipe before it has a type: text, list or mapping, with its place.
struct RecipeNode: Sendable, Equatable {
  /// One `key: value` of a mapping.
  struct Entry: Sendable, Equatable {
    let key: String
    let keyPlace: RecipePlace
    var value: RecipeNode
  }

  enum Content: Sendable, Equatable {
    /// A scalar as written; `quoted` tells `"5"` from `5`.
    case scalar(String, quoted: Bool)
    case list([RecipeNode])
    case mapping([Entry])
    /// A part that was refused already: readers skip it without a second report.
    case refused
  }

  var content: Content
  let place: RecipePlace

  /// True for an empty value, `~` and `null`.
  var isNull: Bool {
    guard case .scalar(let text, quoted: false) = content else { return false }
    return text.isEmpty || text == "~" || text == "null"
  }

  /// The value in the words of an error message.
  var summary: String {
    switch content {
    case .scalar(let text, let quoted):
      if isNull { return "nothing" }
      return quoted ? "the text \(quote(text))" : quote(text)
    case .list: return "a list"
    case .mapping: return "a mapping"
    case .refused: return "a refused value"
    }
  }
}

/// `text` in double quotes, cut after 60 characters, safe to print.
func quote(_ text: String) -> String {
  let shown = RecipePlace.printable(text)
  return shown.count > 60 ? "\"\(shown.prefix(60))…\"" : "\"\(shown)\""
}
