/// What a value without keys of its own may be, as a program can tell an editor.
indirect enum RecipeGrammar: Sendable {
  /// Any text but the empty one.
  case text
  /// A path or the name of a model.
  case path
  /// Text that the whole of a regular expression matches.
  case pattern(String)
  /// One word of a closed list.
  case words([String])
  /// `true` or `false`.
  case flag
  /// A whole number.
  case whole(ClosedRange<Int>)
  /// Any number.
  case number(RecipeBounds)
  /// A list with so many entries.
  case list(of: RecipeGrammar, ClosedRange<Int>)
  /// One of several.
  case either([RecipeGrammar])
}

extension RecipeGrammar {
  /// Whether any word is a value.
  var acceptsText: Bool {
    switch self {
    case .text, .path: true
    case .either(let grammars): grammars.contains(where: \.acceptsText)
    case .pattern, .words, .flag, .whole, .number, .list: false
    }
  }
}

/// What may lie below a key: nothing, entries, or keys.
indirect enum RecipeShape: Sendable {
  case leaf(RecipeGrammar)
  /// A list of at least so many entries; a lone entry may stand without brackets.
  case list(of: RecipeShape, isLone: Bool, minimum: Int)
  /// A mapping; a lone scalar stands for the key `shorthand`.
  case section(shorthand: String?, keys: @Sendable () -> [RecipeKeyEntry])
  /// A value without keys, or what has another shape.
  case either(RecipeGrammar, RecipeShape)
}

extension RecipeShape {
  /// Whether any word is a value.
  var acceptsText: Bool {
    switch self {
    case .leaf(let grammar): grammar.acceptsText
    case .either(let grammar, let shape): grammar.acceptsText || shape.acceptsText
    case .list(let element, let isLone, _): isLone && element.acceptsText
    case .section(let shorthand, let keys):
      keys().contains { $0.name == shorthand && $0.shape.acceptsText }
    }
  }
}
