import Synchronization

/// Reads the examples of some sources on several threads and hands over what is made of each, in
/// order. What comes out, and which fault is found first, does not depend on how many.
struct ExampleStream {
  /// Records that a thread takes at a time: enough to make the taking cheap, few enough to share the
  /// work evenly.
  private static let batchBytes = 64 << 10
  private static let batchRecords = 256

  /// Records of one source.
  private struct Batch: Sendable {
    let source: Int
    let decoder: ExampleDecoder
    let part: RowPart
    var records: [RawRecord] = []
    /// What kept further records from being read.
    var fault: DataError?
    /// Bytes of all files that were read when the batch was full.
    var bytesRead = 0
  }

  /// What became of a batch, up to its first fault: the examples in the part of its source.
  private struct Made<Output: Sendable>: Sendable {
    let source: Int
    var signatures: [RowSignature] = []
    /// Nil for rows that are held out.
    var outputs: [Output?] = []
    var fault: DataError?
    let bytesRead: Int
  }

  /// The sources in the course of being read.
  private struct Feed {
    var readers: [SourceReader]
    let parts: [RowPart]
    var source = 0
    var bytesBehind = 0

    /// The next records; nil when all have been read.
    mutating func next() -> Batch? {
      while source < readers.count {
        var batch = Batch(
          source: source, decoder: readers[source].decoder, part: parts[source])
        var bytes = 0
        var isAtEnd = false
        do throws(DataError) {
          while bytes < ExampleStream.batchBytes,
            batch.records.count < ExampleStream.batchRecords
          {
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
          skipRest(of: source)
          if batch.records.isEmpty { continue }
        }
        return batch
      }
      return nil
    }

    /// Goes on with the source behind this one, if this one is being read.
    mutating func skipRest(of source: Int) {
      guard source == self.source else { return }
      bytesBehind += readers[source].byteCount
      self.source += 1
    }
  }

  /// The layout of each source, in order.
  let layouts: [String]
  private let sources: [DataSource]
  private let threads: Int

  /// The sources as messages call them.
  var name: String { sources.map(\.name).joined(separator: ", ") }
  /// Whether a part of a source only is read.
  var isPart: Bool { sources.contains { $0.part != .all } }

  /// Opens the sources, so that what is missing is known before anything long begins.
  /// - Throws: `DataError` as `SourceReader` does.
  init(_ sources: [DataSource], threads: Int) throws(DataError) {
    var layouts: [String] = []
    for source in sources { layouts.append(try SourceReader(source).decoder.layout.name) }
    self.layouts = layouts
    self.sources = sources
    self.threads = threads
  }

  /// Makes something of every example that is taken.
  /// - Parameters:
  ///   - phase: what is done with the files.
  ///   - deduplication: how rows are to be recognised.
  ///   - make: makes something of an example; several threads call it.
  ///   - progress: called now and then; what it throws ends the work.
  ///   - consume: takes what was made, with the number of the source, in order.
  /// - Throws: `DataError` for the first row, in order, that cannot be read or that `make` refuses;
  ///   what the other closures throw.
  func run<Output: Sendable>(
    _ phase: PreparationProgress.Phase, _ deduplication: Deduplication,
    make: @escaping @Sendable (Example) throws(DataError) -> Output,
    progress: (PreparationProgress) throws -> Void,
    consume: (Output, RowSignature, _ source: Int) throws -> Void
  ) throws {
    var readers: [SourceReader] = []
    for source in sources { readers.append(try SourceReader(source)) }
    var state = PreparationProgress(
      phase: phase, bytesDone: 0, bytesTotal: readers.reduce(0) { $0 + $1.byteCount }, rows: 0)
    let feed = Mutex(Feed(readers: readers, parts: sources.map(\.part)))
    var selections = sources.map { RowSelection($0) }
    try progress(state)
    try OrderedWork.run(
      threads: threads, next: { feed.withLock { $0.next() } },
      work: { Self.work(on: $0, deduplication, make) },
      consume: { batch in
        let source = batch.source
        for (signature, output) in zip(batch.signatures, batch.outputs) {
          guard selections[source].takes(signature.digest), let output else { continue }
          state.rows += 1
          try consume(output, signature, source)
        }
        if selections[source].isFull {
          feed.withLock { $0.skipRest(of: source) }
        } else if let fault = batch.fault {
          throw fault
        }
        state.bytesDone = min(batch.bytesRead, state.bytesTotal)
        try progress(state)
      })
    state.bytesDone = state.bytesTotal
    try progress(state)
  }

  private static func work<Output: Sendable>(
    on batch: Batch, _ deduplication: Deduplication,
    _ make: (Example) throws(DataError) -> Output
  ) -> Made<Output> {
    var made = Made<Output>(
      source: batch.source, fault: batch.fault, bytesRead: batch.bytesRead)
    made.signatures.reserveCapacity(batch.records.count)
    made.outputs.reserveCapacity(batch.records.count)
    do throws(DataError) {
      for record in batch.records {
        let example = try batch.decoder.example(from: record)
        let signature = RowSignature(example, deduplication)
        guard batch.part.contains(signature.digest) else { continue }
        let output = batch.part.takes(signature.digest) ? try make(example) : nil
        made.signatures.append(signature)
        made.outputs.append(output)
      }
    } catch {
      made.fault = error
    }
    return made
  }
}
