import HalterTokenizers

/// Two answers and what both answer.
struct PairedMessages {
  let prompt: [Message]
  let chosen: [Message]
  let rejected: [Message]
}

extension SourceRow {
  /// Two answers to a prompt; lists that repeat the whole prompt are freed of it.
  func pair(
    _ chosen: [Message], _ rejected: [Message], answering prompt: [Message]
  ) throws(DataError) -> PairedMessages {
    if [chosen, rejected].allSatisfy({ $0.count > prompt.count && $0.starts(with: prompt) }) {
      return PairedMessages(
        prompt: prompt, chosen: Array(chosen.dropFirst(prompt.count)),
        rejected: Array(rejected.dropFirst(prompt.count)))
    }
    for (side, path) in [(chosen, "chosen"), (rejected, "rejected")]
    where side.first?.role != .assistant {
      throw fault(
        path,
        "the first message is not the assistant's; beside a prompt, a list begins with the"
          + " answer, or with the same messages as the prompt")
    }
    return PairedMessages(prompt: prompt, chosen: chosen, rejected: rejected)
  }

  /// Two conversations that begin alike: the prompt is what they begin with, up to the last
  /// message behind which both answer.
  func pair(
    _ chosen: [Message], _ rejected: [Message]
  ) throws(DataError) -> PairedMessages {
    var shared = zip(chosen, rejected).prefix { $0 == $1 }.count
    while shared > 0 {
      let answers =
        shared < min(chosen.count, rejected.count)
        && chosen[shared].role == .assistant && rejected[shared].role == .assistant
      if answers, chosen[shared - 1].role != .assistant { break }
      shared -= 1
    }
    if shared == 0 {
      throw fault(
        "chosen",
        "`chosen` and `rejected` do not begin with the same prompt: a pair is two"
          + " answers to one prompt")
    }
    return PairedMessages(
      prompt: Array(chosen[..<shared]), chosen: Array(chosen[shared...]),
      rejected: Array(rejected[shared...]))
  }
}
