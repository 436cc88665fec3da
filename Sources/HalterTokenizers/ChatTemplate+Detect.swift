extension ChatTemplate {
  /// The names that `template:` in a recipe may have.
  public static var names: [String] { Kind.allCases.map(\.rawValue) }

  /// The built-in template `name`.
  ///
  /// - Parameters:
  ///   - name: One of `names`.
  ///   - tokenizer: Gives the template its begin and end tokens; without it the usual ones.
  /// - Returns: The template.
  /// - Throws: `TokenizerError` for another name.
  public static func named(
    _ name: String, tokenizer: Tokenizer? = nil
  ) throws(TokenizerError) -> ChatTemplate {
    guard let kind = Kind(rawValue: name) else {
      throw TokenizerError(
        .template, "there is no chat template \"\(name)\"",
        mend: "the built-in ones are \(names.joined(separator: ", "))")
    }
    return ChatTemplate(kind, tokenizer: tokenizer)
  }

  /// The built-in template that does what a checkpoint's jinja template does, told by the markers
  /// in its text.
  ///
  /// - Parameters:
  ///   - jinja: The template's source, or nil if the checkpoint has none.
  ///   - tokenizer: Gives the template its begin and end tokens.
  /// - Returns: The template, with the default system text that the source spells out.
  /// - Throws: `TokenizerError` if there is none or its kind is not known.
  public static func detect(
    jinja: String?, tokenizer: Tokenizer? = nil
  ) throws(TokenizerError) -> ChatTemplate {
    let choose =
      "choose one with `template:` in the recipe: \(names.joined(separator: ", "))"
    guard let jinja else {
      throw TokenizerError(.template, "the checkpoint has no chat template", mend: choose)
    }
    let text = Array(jinja.utf8)
    func has(_ marker: String) -> Bool { text.firstPlace(of: Array(marker.utf8), from: 0) != nil }
    let namesBOS = has("bos_token")
    if has("<|im_start|>") {
      var found = ChatTemplate(
        has("<tool_call>") ? .hermes : .chatml, defaultSystem: chatMLSystem(text),
        tokenizer: tokenizer)
      if namesBOS, let tokenizer, let bos = tokenizer.special.bos {
        found.bos = tokenizer.token(bos) ?? ""
      }
      return found
    }
    if has("<|start_header_id|>") {
      let kind = has("Cutting Knowledge Date") ? Kind.llama31 : .llama3
      return ChatTemplate(kind, tokenizer: tokenizer)
    }
    if has("[INST]"), has("<<SYS>>") { return ChatTemplate(.llama2, tokenizer: tokenizer) }
    if has("### Instruction") { return ChatTemplate(.alpaca, tokenizer: tokenizer) }
    throw TokenizerError(
      .template, "the checkpoint's chat template is of no known kind", mend: choose)
  }

  /// The text between `<|im_start|>system` and `<|im_end|>` in a string literal of the source.
  private static func chatMLSystem(_ text: [UInt8]) -> String? {
    let head = Array("<|im_start|>system".utf8)
    let tail = Array("<|im_end|>".utf8)
    var from = 0
    while let place = text.firstPlace(of: head, from: from) {
      from = place + head.count
      let quote = text[..<place].last { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\"") }
      guard let quote, let end = text.firstPlace(of: tail, from: from),
        let literal = unescape(text[from..<end], quote: quote), literal.hasPrefix("\n"),
        literal.utf8.count > 1
      else { continue }
      return String(literal.dropFirst())
    }
    return nil
  }

  /// The value of a part of a jinja string literal; nil if the literal ends within it.
  private static func unescape(_ text: ArraySlice<UInt8>, quote: UInt8) -> String? {
    var out: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if isEscaped {
        out.append(
          byte == UInt8(ascii: "n") ? 10 : byte == UInt8(ascii: "t") ? 9 : byte)
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == quote {
        return nil
      } else {
        out.append(byte)
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}

extension [UInt8] {
  /// Where `pattern`, which is not empty, first begins at or after `start`.
  func firstPlace(of pattern: [UInt8], from start: Int) -> Int? {
    var at = start
    while at + pattern.count <= count {
      if self[at] == pattern[0], self[at..<at + pattern.count].elementsEqual(pattern) {
        return at
      }
      at += 1
    }
    return nil
  }
}
