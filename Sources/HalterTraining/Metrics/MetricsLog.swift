import Foundation
import HalterFormats

/// Writes what happens in a run to `metrics.jsonl`, `samples.jsonl` and `run.json`.
///
/// Each line goes to the operating system in one piece, so a kill at any instant leaves whole
/// lines, except at most the last. The files are forced to the disk with every checkpoint.
public final class MetricsLog: RunObserver {
  /// The run directory.
  public let directory: URL
  private let metrics: AppendedFile
  private let samples: AppendedFile
  private var header: RunHeader?

  /// Starts the files of a new run in an existing directory.
  /// - Throws: `FormatError` if one of them exists and holds something, or cannot be written.
  public convenience init(directory: URL) throws(FormatError) {
    for name in [RunFiles.metrics, RunFiles.samples] {
      let url = directory.appendingPathComponent(name)
      if let data = try RunFiles.contents(of: url), !data.isEmpty {
        throw FormatError(
          .fileExists, "a run has already written here",
          mend: "Choose another directory, or resume that run", path: url.path)
      }
      try AtomicWrite.write(Data(), to: url)
    }
    try self.init(appendingIn: directory)
  }

  /// Goes on with the files of a run whose state after `step` was restored: a torn last line and
  /// the lines of later steps are cut first, since those steps will be taken again.
  /// - Throws: `FormatError` if a line cannot be read, naming it, or a file cannot be written.
  public convenience init(directory: URL, resumingAt step: Int) throws(FormatError) {
    for name in [RunFiles.metrics, RunFiles.samples] {
      let url = directory.appendingPathComponent(name)
      let data = try RunFiles.contents(of: url) ?? Data()
      var kept = Data()
      for line in try RecordedLine.all(in: data, path: url.path) where line.step <= step {
        kept.append(line.bytes)
        kept.append(0x0A)
      }
      try AtomicWrite.write(kept, to: url)
    }
    try self.init(appendingIn: directory)
  }

  private init(appendingIn directory: URL) throws(FormatError) {
    self.directory = directory
    metrics = try AppendedFile(directory.appendingPathComponent(RunFiles.metrics))
    samples = try AppendedFile(directory.appendingPathComponent(RunFiles.samples))
  }

  /// Records the event, if it is of a kind that the files hold.
  /// - Throws: `FormatError` if a file cannot be written.
  public func observe(_ event: RunEvent) throws {
    switch event {
    case .started(let header):
      self.header = header
      try RunFiles.write(RunDescription(header: header), to: directory)
    case .stepped(let step):
      try metrics.append(MetricsLog.line(step))
    case .evaluated(let evaluation):
      try metrics.append(MetricsLog.line(evaluation))
    case .sampled(let sample):
      try samples.append(MetricsLog.line(sample))
    case .saved:
      try synchronize()
    case .ended(let summary):
      try synchronize()
      if let header {
        try RunFiles.write(RunDescription(header: header, summary: summary), to: directory)
      }
    case .stage, .preparing, .note, .evaluating, .warning:
      break
    }
  }

  private func synchronize() throws(FormatError) {
    try metrics.synchronize()
    try samples.synchronize()
  }

  static func line(_ step: StepMetrics) -> String {
    var line = JSONLine()
    line.add("event", "step")
    line.add("step", step.step)
    line.add("epoch", step.epoch)
    line.add("loss", step.loss)
    line.add("learning_rate", step.learningRate)
    line.add("grad_norm", step.gradientNorm)
    line.add("tokens", step.tokens)
    line.add("trained_tokens", step.trainedTokens)
    line.add("tokens_per_second", step.tokensPerSecond)
    line.add("seconds", step.seconds)
    line.add("rss_bytes", step.residentBytes)
    line.add("skipped", step.skipped)
    if let reward = step.reward { line.add(reward) }
    return line.text
  }

  static func line(_ evaluation: EvaluationMetrics) -> String {
    var line = JSONLine()
    line.add("event", "eval")
    line.add("step", evaluation.step)
    line.add("epoch", evaluation.epoch)
    line.add("loss", evaluation.loss)
    line.add("trained_tokens", evaluation.trainedTokens)
    line.add("seconds", evaluation.seconds)
    if let preferences = evaluation.preferences { line.add(preferences) }
    return line.text
  }

  static func line(_ sample: SampleText) -> String {
    var line = JSONLine()
    line.add("step", sample.step)
    line.add("prompt", sample.prompt)
    line.add("text", sample.text)
    line.add("stopped", sample.stopped)
    return line.text
  }
}

/// A file that grows by whole lines.
final class AppendedFile {
  private let url: URL
  private let handle: FileHandle
  private var end: UInt64

  /// Opens an existing file at its end.
  init(_ url: URL) throws(FormatError) {
    self.url = url
    do {
      handle = try FileHandle(forWritingTo: url)
      end = try handle.seekToEnd()
    } catch {
      throw AppendedFile.failure(error, url)
    }
  }

  deinit {
    try? handle.close()
  }

  /// Appends text with one call of the operating system. What a failed call left is cut again.
  func append(_ text: String) throws(FormatError) {
    let data = Data(text.utf8)
    do {
      try handle.write(contentsOf: data)
      end += UInt64(data.count)
    } catch {
      try? handle.truncate(atOffset: end)
      throw AppendedFile.failure(error, url)
    }
  }

  func synchronize() throws(FormatError) {
    do {
      try handle.synchronize()
    } catch {
      throw AppendedFile.failure(error, url)
    }
  }

  private static func failure(_ error: any Error, _ url: URL) -> FormatError {
    let code = (error as? CocoaError)?.code
    if code == .fileWriteOutOfSpace {
      return FormatError(
        .noSpace, "cannot append: the disk or the quota is full",
        mend: "Free some space and resume the run", path: url.path)
    }
    return FormatError(
      .io, "cannot append: \(RunFiles.reason(error))",
      mend: "Check the disk and the permissions of the run directory", path: url.path)
  }
}
