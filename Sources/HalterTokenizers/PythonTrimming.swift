extension Unicode.Scalar {
  /// What Python's `str.strip` takes away, which jinja's `trim` calls.
  fileprivate var isPythonSpace: Bool { isPatternSpace || (0x1C...0x1F).contains(value) }
}

extension String {
  /// The text without whitespace at both ends.
  var trimmedAsPython: String {
    let end = trimmedEndAsPython
    guard let first = end.utf8.first, first <= 0x20 || first >= 0x80 else { return end }
    return String(String.UnicodeScalarView(end.unicodeScalars.drop(while: \.isPythonSpace)))
  }

  /// The text without whitespace at its end.
  var trimmedEndAsPython: String {
    // Most texts end in a printing character and are not taken apart.
    guard let last = utf8.last, last <= 0x20 || last >= 0x80 else { return self }
    var scalars = unicodeScalars[...]
    while let last = scalars.last, last.isPythonSpace { scalars.removeLast() }
    return String(scalars)
  }
}
