import ArgumentParser
import Foundation
import HalterHub
import HalterRecipes
import HalterTraining
import Synchronization

/// `halter model`.
struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model",
    abstract: "Lists, fetches, inspects and makes models.",
    subcommands: [List.self, Pull.self, Inspect.self, Random.self])

  /// `halter model list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists known models and those at hand.",
      discussion: "Example:\n  halter model list")

    @Flag(name: .long, help: "Print JSON lines.")
    var json = false

    private struct Row: Encodable {
      let name: String
      let state: String
      let bytes: Int64
      let licence: String?
      let source: String
      let path: String?
    }

    func run() throws {
      for entry in try workplace().models.list() {
        let (state, path): (String, String?) =
          switch entry.state {
          case .available: ("not pulled", nil)
          case .installed(let url): ("installed", url.path)
          case .damaged(let why): ("damaged: \(why)", nil)
          }
        if json {
          try printJSON(
            Row(
              name: entry.name, state: state, bytes: entry.size, licence: entry.licence,
              source: entry.source, path: path))
        } else {
          let size = Quantities.bytes(Int(entry.size))
          try printLine("\(entry.name)  \(size)  \(entry.licence ?? "?")  \(state)")
          try printLine("  \(entry.summary)")
        }
      }
    }
  }

  /// `halter model pull`.
  struct Pull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fetches a model into the cache, checked to the last byte.",
      discussion: """
        The cache is $HALTER_HOME, ~/.cache/halter by default.

        Examples:
          halter model pull smollm2-135m-instruct
          halter model pull hf:OWNER/NAME@REVISION
        """)

    @Argument(help: "A name from `halter model list`, or hf:OWNER/NAME[@REVISION].")
    var name: String
    @Flag(name: .long, help: "Print nothing but the path.")
    var quiet = false

    func run() async throws {
      let store = try workplace().models
      let line = PullLine(isShown: !quiet)
      let interrupt = Interrupt()
      let task = Task { try await store.pull(name, progress: line.show) }
      let watch = Task {
        while !interrupt.isRequested { try await Task.sleep(for: .milliseconds(100)) }
        task.cancel()
      }
      defer { watch.cancel() }
      let pulled = try await task.value
      line.end()
      try printLine(pulled.url.path)
    }
  }

  /// `halter model inspect`.
  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows what a weight file, checkpoint or adapter holds.",
      discussion: "Example:\n  halter model inspect runs/sft-lora/final")

    @Argument(help: "A name, a .gguf or .safetensors file, or a directory.")
    var path: String
    @Flag(name: .long, help: "Print one JSON object.")
    var json = false
    @Flag(name: .long, help: "List every tensor.")
    var tensors = false

    func run() throws {
      let place = try workplace()
      let inspection = try Inspection(place.models.resolve(path, relativeTo: place.folder))
      if json { return try printJSON(inspection) }
      try printLine(inspection.path)
      for fact in inspection.facts { try printLine("  \(fact.joined(separator: ": "))") }
      let kinds = Dictionary(grouping: inspection.tensors, by: \.type)
        .map { "\($0.value.count) \($0.key)" }.sorted().joined(separator: ", ")
      try printLine("  tensors: \(inspection.tensors.count) (\(kinds))")
      let (count, size) = (
        Quantities.count(inspection.elements), Quantities.bytes(inspection.bytes)
      )
      try printLine("  weights: \(count) in \(size)")
      if tensors {
        for tensor in inspection.tensors {
          try printLine("  \(tensor.name)  \(tensor.type)  \(tensor.shape)")
        }
      }
    }
  }
}

/// The progress of a long transfer on stderr: a line in place on a terminal, else one per phase.
final class TransferLine: Sendable {
  private let isShown: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let shown = Mutex(ContinuousClock.now - .seconds(1))

  init(isShown: Bool) { self.isShown = isShown }

  /// Shows a text: at once if it begins something new, else on a terminal and at most ten times a
  /// second.
  func show(_ text: String, isNew: Bool) {
    guard isShown else { return }
    let isDue = shown.withLock { shown in
      guard isNew || isTerminal && ContinuousClock.now - shown > .milliseconds(100) else {
        return false
      }
      shown = .now
      return true
    }
    if isDue { showText(isTerminal ? "\r\u{1B}[K\(text)" : text + "\n") }
  }

  /// Clears the line.
  func end() { if isShown && isTerminal { showText("\r\u{1B}[K") } }
}

/// The progress of a download.
final class PullLine: Sendable {
  private struct State {
    var phase: PullPhase?
    var file: String?
  }

  private let line: TransferLine
  private let state = Mutex(State())

  init(isShown: Bool) { line = TransferLine(isShown: isShown) }

  /// Shows progress, at most ten times a second.
  func show(_ progress: PullProgress) {
    let isNew = state.withLock { state in
      defer { (state.phase, state.file) = (progress.phase, progress.file) }
      return state.phase != progress.phase || state.file != progress.file
    }
    var text = "\(progress.phase.rawValue) \(progress.file ?? "")"
    if progress.bytesDone > 0 {
      let total = progress.bytesTotal.map { " of \(Quantities.bytes(Int($0)))" } ?? ""
      text += ": \(Quantities.bytes(Int(progress.bytesDone)))\(total)"
    }
    line.show(text, isNew: isNew)
  }

  /// Clears the line.
  func end() { line.end() }
}
