import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs one command to its end, with a time limit and its output in files.
///
/// Output goes to files and not to pipes, so that a child that talks a lot never blocks and a
/// grandchild that keeps a pipe open never hangs the wait.
struct ChildProcess {
  /// The program, as an absolute path.
  let executable: URL
  let arguments: [String]
  let environment: [String: String]
  /// The child's working directory, which also holds its output while it runs.
  let directory: URL

  /// How a command ended.
  struct Outcome: Sendable {
    /// Exit status, or 128 plus the signal that ended it.
    let status: Int32
    /// The last lines of what it wrote to standard error, or else to standard output.
    let complaint: String
  }

  /// Starts the command and waits.
  ///
  /// - Parameters:
  ///   - limit: After this time the command is ended and an error thrown.
  ///   - tick: Called a few times a second while it runs.
  /// - Returns: How it ended, which may be badly.
  /// - Throws: `HubError` of code `tool` when it cannot start or takes too long.
  func run(limit: Duration, tick: @Sendable () -> Void) async throws(HubError) -> Outcome {
    let output = directory.appendingPathComponent("stdout")
    let complaints = directory.appendingPathComponent("stderr")
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = directory
    process.standardInput = FileHandle.nullDevice
    do {
      for url in [output, complaints] { try Data().write(to: url) }
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = try FileHandle(forWritingTo: complaints)
      try process.run()
    } catch {
      throw HubError(.tool, "cannot start \(executable.path): \(error.localizedDescription)")
    }
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    while process.isRunning {
      tick()
      if Task.isCancelled || clock.now >= deadline {
        await Self.end(process)
        if Task.isCancelled { throw HubError.cancelled }
        throw HubError(
          .tool,
          "\(executable.lastPathComponent) did not finish within \(limit.components.seconds) s",
          mend: "check the network and run the same command again")
      }
      try? await Task.sleep(for: .milliseconds(100))
    }
    let signal = process.terminationReason == .uncaughtSignal
    let complaint = Self.tail(of: complaints) ?? Self.tail(of: output) ?? "it printed nothing"
    return Outcome(status: process.terminationStatus + (signal ? 128 : 0), complaint: complaint)
  }

  /// The absolute path of a program, looked up in the `PATH` of an environment.
  static func find(_ program: String, in environment: [String: String]) -> URL? {
    for directory in (environment["PATH"] ?? "").split(separator: ":") {
      let url = URL(fileURLWithPath: String(directory)).appendingPathComponent(program)
      if FileManager.default.isExecutableFile(atPath: url.path) { return url }
    }
    return nil
  }

  /// Asks the process to end, kills it when it has not after a second, and waits until it is gone.
  private static func end(_ process: Process) async {
    process.terminate()
    await wait(for: process, steps: 50)
    if process.isRunning { _ = kill(process.processIdentifier, SIGKILL) }
    await wait(for: process, steps: 100)
  }

  private static func wait(for process: Process, steps: Int) async {
    for _ in 0..<steps where process.isRunning {
      // Detached, because a sleep in a cancelled task returns at once.
      await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
    }
  }

  private static func tail(of url: URL) -> String? {
    guard let handle = try? FileHandle(forReadingFrom: url) else { return nil }
    defer { try? handle.close() }
    let size = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: size > 4096 ? size - 4096 : 0)
    guard let data = try? handle.readToEnd() else { return nil }
    let lines = String(decoding: data, as: UTF8.self)
      .split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { !$0.isEmpty }
    return lines.isEmpty ? nil : lines.suffix(4).joined(separator: " | ")
  }
}
