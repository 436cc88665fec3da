extension Unicode.Scalar {
  /// What Python's `str.strip` takes away, which jinja's `trim` calls.
  fileprivate var isPythonSpace: Bool { isPatternSpace || (0x1C...0x1F).contains(value) }
}

extension String {
  /// The text without whitespace at both ends.
  var trimmedAsPython: String {
    let end = trimmedEndAsPython
    return String(String.UnicodeScalarView(end.unicodeScalars.drop(while: \.isPythonSpace)))
  }

  /// The text without whitespace at its end.
  var trimmedEndAsPython: String {
    var scalars = unicodeScalars[...]
    while let last = scalars.last, last.isPythonSpace { scalars.removeLast() }
    return String(String.UnicodeScalarView(scalars))
  }
}
