import Synchronization

/// How far a pass over the files of a set has come.
public struct PreparationProgress: Sendable, Equatable {
  /// What is done with the files.
  public enum Phase: Sendable, Equatable {
    /// Their checksums are taken, to tell whether the rows are in the cache.
    case checking
    /// Their rows are read, rendered and tokenised.
    case tokenizing
  }

  /// What is done with the files.
  public var phase: Phase
  /// Bytes of the files that have been read.
  public var bytesDone: Int
  /// Bytes of all the files.
  public var bytesTotal: Int
  /// Rows read so far; 0 while checking.
  public var rows: Int

  /// Progress of a phase.
  public init(phase: Phase, bytesDone: Int, bytesTotal: Int, rows: Int) {
    self.phase = phase
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
    self.rows = rows
  }
}

/// Reads the rows of some sources and encodes them on several threads. What comes out, and which
/// fault is found first, does not depend on how many.
struct Preparation {
  /// Records that a thread takes at a time: enough to make the taking cheap, few enough to share the
  /// work evenly.
  private static let batchBytes = 64 << 10
  private static let batchRecords = 256

  /// Records of one source.
  private struct Batch: Sendable {
    var source: Int
    var decoder: ExampleDecoder
    var records: [RawRecord] = []
    /// What kept further records from being read.
    var fault: DataError?
    /// Bytes of all files that were read when the batch was full.
    var bytesRead = 0
  }

  /// What became of a batch, up to its first fault.
  private struct EncodedBatch: Sendable {
    var source: Int
    var examples: [EncodedExample] = []
    var fault: DataError?
    var bytesRead: Int
  }

  /// The sources in the course of being read.
  private struct Feed {
    var readers: [SourceReader]
    var source = 0
    var bytesBehind = 0

    /// The next records; nil when all have been read.
    mutating func next() -> Batch? {
      while source < readers.count {
        var batch = Batch(source: source, decoder: readers[source].decoder)
        var bytes = 0
        var isAtEnd = false
        do throws(DataError) {
          while bytes < Preparation.batchBytes, batch.records.count < Preparation.batchRecords {
            guard let record = try readers[source].next() else {
              isAtEnd = true
              break
            }
            batch.records.append(record)
            bytes += record.bytes.count
          }
        } catch {
          batch.fault = error
        }
        batch.bytesRead = bytesBehind + readers[source].bytesRead
        if isAtEnd {
          bytesBehind = batch.bytesRead
          source += 1
          if batch.records.isEmpty { continue }
        }
        return batch
      }
      return nil
    }
  }

  /// The layout of each source, in order.
  let layouts: [String]
  private let sources: [DataSource]
  private let encoder: ExampleEncoder
  private let threads: Int

  /// Opens the sources, so that what is missing is known before anything long begins.
  /// - Throws: `DataError` as `SourceReader` does.
  init(
    _ sources: [DataSource], encoder: ExampleEncoder, threads: Int
  ) throws(DataError) {
    var layouts: [String] = []
    for source in sources { layouts.append(try SourceReader(source).decoder.layout.name) }
    self.layouts = layouts
    self.sources = sources
    self.encoder = encoder
    self.threads = threads
  }

  /// Encodes all rows and judges the set.
  /// - Parameters:
  ///   - progress: called now and then; what it throws ends the work.
  ///   - consume: takes each row with the number of its source, in order.
  /// - Returns: what is known of the rows as a whole.
  /// - Throws: `DataError` for the first row, in order, that cannot be encoded, and for a set that
  ///   would teach nothing; what the closures throw.
  func run(
    progress: (PreparationProgress) throws -> Void = { _ in },
    consume: (TokenizedRow, _ source: Int) throws -> Void
  ) throws -> DatasetSummary {
    var readers: [SourceReader] = []
    for source in sources { readers.append(try SourceReader(source)) }
    var state = PreparationProgress(
      phase: .tokenizing, bytesDone: 0, bytesTotal: readers.reduce(0) { $0 + $1.byteCount },
      rows: 0)
    let feed = Mutex(Feed(readers: readers))
    let encoder = encoder
    var intake = RowIntake(encoder: encoder)
    try progress(state)
    try OrderedWork.run(
      threads: threads, next: { feed.withLock { $0.next() } },
      work: { Self.encode($0, with: encoder) },
      consume: { batch in
        for example in batch.examples {
          for row in intake.take(example) { try consume(row, batch.source) }
        }
        if let fault = batch.fault { throw fault }
        state.rows += batch.examples.count
        state.bytesDone = min(batch.bytesRead, state.bytesTotal)
        try progress(state)
      })
    try intake.check(name: sources.map(\.name).joined(separator: ", "))
    state.bytesDone = state.bytesTotal
    try progress(state)
    return DatasetSummary(statistics: intake.statistics, layouts: layouts)
  }

  private static func encode(_ batch: Batch, with encoder: ExampleEncoder) -> EncodedBatch {
    var encoded = EncodedBatch(
      source: batch.source, fault: batch.fault, bytesRead: batch.bytesRead)
    encoded.examples.reserveCapacity(batch.records.count)
    do throws(DataError) {
      for record in batch.records {
        encoded.examples.append(try encoder.encode(batch.decoder.example(from: record)))
      }
    } catch {
      encoded.fault = error
    }
    return encoded
  }
}
