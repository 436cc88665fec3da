import HalterTokenizers

extension Example {
  /// Everything that is said in the row, in order, without roles.
  public var texts: [String] {
    switch self {
    case .conversation(let row): row.messages.map(\.content)
    case .text(let row): [row.text]
    case .preference(let row): (row.prompt + row.chosen + row.rejected).map(\.content)
    case .ranking(let row): (row.prompt + row.answers.joined()).map(\.content)
    case .judged(let row): (row.prompt + row.completion).map(\.content)
    case .prompt(let row): row.messages.map(\.content)
    }
  }
}
