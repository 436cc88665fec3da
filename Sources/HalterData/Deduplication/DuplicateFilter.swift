/// What becomes of rows that stand there already.
public enum Deduplication: String, Sendable, CaseIterable, Codable {
  /// They stay; those that are equal to another are counted.
  case none
  /// Rows that are equal to another are left out.
  case exact
  /// Rows that are nearly equal to another are left out.
  case near
}

/// Tells of rows, in their order, which stand there already. The first of them is the one that stays,
/// so that what is left does not depend on anything behind it.
///
/// Validation rows are held against those of training too. A row in both is left out of validation:
/// what is trained does not depend on what it is measured by.
public struct DuplicateFilter: Sendable {
  /// What a row is, next to those before it.
  public enum Finding: Sendable, Equatable {
    /// A new row.
    case new
    /// Equal to an earlier row of the set.
    case equal
    /// Nearly equal to an earlier row of the set.
    case near
    /// Equal, or nearly where that counts, to a row of the other set.
    case inOtherSet
  }

  /// What becomes of them.
  public let policy: Deduplication
  private var digests = DigestSet()
  private var likenesses = LikenessIndex()
  private let others: [DuplicateFilter]

  /// A filter that has seen no row yet.
  ///
  /// - Parameters:
  ///   - policy: what becomes of rows that stand there already.
  ///   - other: a filter that has seen the rows of another set, which are none of this.
  public init(_ policy: Deduplication, apartFrom other: DuplicateFilter? = nil) {
    self.policy = policy
    others = other.map { [$0] } ?? []
  }

  /// Judges the next row, and remembers it if it is new.
  mutating func judge(_ row: RowSignature) -> Finding {
    if others.contains(where: { $0.hasSeen(row) }) { return .inOtherSet }
    guard digests.insert(row.digest) else { return .equal }
    guard let likeness = row.likeness else { return .new }
    if likenesses.hasNear(likeness) { return .near }
    likenesses.insert(likeness)
    return .new
  }

  private func hasSeen(_ row: RowSignature) -> Bool {
    digests.contains(row.digest) || row.likeness.map(likenesses.hasNear) ?? false
  }
}

extension DuplicateFilter {
  /// A filter that has seen the rows of some sources.
  ///
  /// - Parameters:
  ///   - sources: the sources, in order.
  ///   - policy: how rows are recognised.
  ///   - threads: how many threads read.
  ///   - progress: called now and then; what it throws ends the work.
  /// - Throws: `DataError` for the first row that cannot be read, and what `progress` throws.
  init(
    reading sources: [DataSource], _ policy: Deduplication, threads: Int,
    progress: (PreparationProgress) throws -> Void
  ) throws {
    self.init(policy)
    var filter = self
    try ExampleStream(sources, threads: threads).run(
      .comparing, policy, make: { (_) throws(DataError) in }, progress: progress,
      consume: { _, signature, _ in _ = filter.judge(signature) })
    self = filter
  }
}
