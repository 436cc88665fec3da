import HalterTokenizers

extension PromptRenderer {
  /// The token ids of each piece. Neighbouring text pieces are encoded as one text.
  func encode(_ pieces: [RenderedPiece]) -> [[Int32]] {
    var encoded: [[Int32]] = []
    encoded.reserveCapacity(pieces.count)
    // Texts of the run under way: pieces that train alike are one text.
    var run: [String] = []
    var owners: [Int] = []

    func closeRun() {
      if run.isEmpty { return }
      let parts = encodeRun(run[...])
      var previous: Int?
      for owner in owners {
        // The ids of a joined text go to its first piece.
        encoded.append(owner == previous ? [] : parts[owner])
        previous = owner
      }
      run = []
      owners = []
    }

    var answer: Int?
    for piece in pieces {
      switch piece.kind {
      case .special(let ids):
        closeRun()
        encoded.append(ids)
      case .text(let text):
        if !run.isEmpty, piece.answer == answer {
          run[run.count - 1] += text
        } else {
          run.append(text)
        }
        owners.append(run.count - 1)
        answer = piece.answer
      }
    }
    closeRun()
    return encoded
  }

  /// Encodes texts that stand next to each other as one text, and says which ids are whose.
  private func encodeRun(_ texts: ArraySlice<String>) -> [[Int32]] {
    guard texts.count > 1, let first = texts.first else {
      return texts.map { tokenizer.encode($0, parseSpecial: false) }
    }
    let joint = tokenizer.encode(texts.joined(), parseSpecial: false)
    var parts: [[Int32]] = []
    var prefix = first
    var taken = 0
    for cut in texts.indices.dropFirst() {
      let head = tokenizer.encode(prefix, parseSpecial: false)
      if joint.starts(with: head), head.count >= taken {
        parts.append(Array(joint[taken..<head.count]))
        taken = head.count
      } else if isConcatenable(texts[cut...].joined()) {
        // A token reaches across the cut: keep the head as it is when it stands alone.
        return encodeRun(texts[..<cut]) + encodeRun(texts[cut...])
      } else {
        // A tokenizer that marks the start of a text cannot be asked to go on in the middle of
        // one. The token across the cut then belongs to what comes after.
        let common = max(taken, zip(joint, head).prefix { $0 == $1 }.count)
        parts.append(Array(joint[taken..<common]))
        taken = common
      }
      prefix += texts[cut]
    }
    parts.append(Array(joint[taken...]))
    return parts
  }

  /// Whether a text encoded on its own is the text and nothing more, such as a mark of its start.
  private func isConcatenable(_ text: String) -> Bool {
    tokenizer.encode(text, parseSpecial: false).flatMap { tokenizer.bytes(of: $0) }
      .elementsEqual(text.utf8)
  }
}
