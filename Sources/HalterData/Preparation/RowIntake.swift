import HalterTokenizers

/// Counts examples as they come in, leaves out those that stand there already where that is asked
/// for, and judges the set in the end.
struct RowIntake {
  let encoder: ExampleEncoder
  private(set) var statistics = DatasetStatistics()
  private var duplicates: DuplicateFilter

  init(encoder: ExampleEncoder, duplicates: DuplicateFilter = DuplicateFilter(.none)) {
    self.encoder = encoder
    self.duplicates = duplicates
  }

  /// Counts an example and gives its rows.
  mutating func take(_ encoded: EncodedExample, _ signature: RowSignature) -> [TokenizedRow] {
    var encoded = encoded
    // What is left out for another reason is no row that another could repeat.
    if encoded.drop == nil {
      let finding = duplicates.judge(signature)
      if duplicates.policy == .none {
        statistics.add(finding, at: encoded.location)
      } else if let drop = EncodedExample.Drop(finding) {
        encoded.leaveOut(drop)
      }
    }
    statistics.add(encoded)
    return encoded.rows
  }

  /// Checks that there is something to learn.
  /// - Parameters:
  ///   - name: the sources as messages call them.
  ///   - isPart: whether a part of their rows only was taken.
  /// - Throws: `DataError` for a set that would teach nothing or never teach the model to stop.
  func check(name: String, isPart: Bool = false) throws(DataError) {
    if isPart, statistics.rowsRead == 0 {
      throw DataError(
        .untrainable,
        "no row falls into the part that is taken; make the `split` or the share of `validation`"
          + " larger, or give more rows", file: name)
    }
    if statistics.rows == 0 { throw nothingLeft(name) }
    if statistics.trainedAnswers > 0, statistics.trainedStops == 0 { throw neverStops(name) }
  }

  private func neverStops(_ name: String) -> DataError {
    let template = encoder.renderer.map { " \($0.template.kind.rawValue)" } ?? ""
    return DataError(
      .untrainable,
      "no answer of the \(statistics.rows) rows ends in a trained stop token, so that the model"
        + " would never learn to stop: the template\(template) does not go with this tokenizer,"
        + " or every answer is cut short or excluded; name another with `template:`",
      file: name)
  }

  private func nothingLeft(_ name: String) -> DataError {
    if statistics.rowsRead == 0 {
      return DataError(.untrainable, "there are no rows", file: name)
    }
    let reasons = EncodedExample.Drop.allCases.compactMap { drop -> String? in
      guard let tally = statistics.dropped[drop] else { return nil }
      guard drop == .tooLong, let limit = encoder.length.maxLength else {
        return "\(drop.words): \(tally.summary)"
      }
      return "longer than `max_length` \(limit): \(tally.summary), the longest has"
        + " \(statistics.longestRead) tokens"
    }
    return DataError(
      .untrainable,
      "none of the \(statistics.rowsRead) rows is left to train on; "
        + reasons.joined(separator: "; "), file: name)
  }
}
