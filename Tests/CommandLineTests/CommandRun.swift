import Foundation

/// How a command ended and what it wrote.
struct CommandResult {
  /// The exit code; 128 + the signal for a process that a signal ended.
  let code: Int32
  /// Whether a signal ended the process.
  let isKilled: Bool
  let out: String
  let err: String

  /// The lines of the result.
  var lines: [String] { out.split(separator: "\n").map(String.init) }
}

/// A started process of the built command, with its output in files.
///
/// Files rather than pipes: nothing can block, whatever the command writes, and a test may look at
/// the output while the command runs.
final class CommandRun {
  private let pid: pid_t
  private let folder: URL
  private var result: CommandResult?

  struct CannotStart: Error { let reason: String }

  /// Starts the command, or another program, in a folder.
  ///
  /// `out` and `err` name files that take stdout and stderr instead of files of their own.
  init(
    _ arguments: [String], of other: String? = nil, in folder: URL,
    environment: [String: String], input: String = "", out: String? = nil, err: String? = nil
  ) throws {
    let logs = FileManager.default.temporaryDirectory
      .appending(path: "halter-command-\(UUID().uuidString)")
    self.folder = logs
    try FileManager.default.createDirectory(at: logs, withIntermediateDirectories: true)
    try Data(input.utf8).write(to: logs.appending(path: "in"))

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let create = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 0, logs.appending(path: "in").path, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, 1, out ?? logs.appending(path: "out").path, create, 0o600)
    posix_spawn_file_actions_addopen(
      &actions, 2, err ?? logs.appending(path: "err").path, create, 0o600)

    // The shell only changes the directory: the command takes its place.
    let program = try other ?? Self.program().path
    let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder.path]
    var words = (shell + [program] + arguments).map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in words + variables { free(word) } }
    var pid: pid_t = 0
    let failure = posix_spawn(&pid, "/bin/sh", &actions, nil, &words, &variables)
    guard failure == 0 else { throw CannotStart(reason: String(cString: strerror(failure))) }
    self.pid = pid
  }

  deinit {
    if result == nil {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    try? FileManager.default.removeItem(at: folder)
  }

  /// The built command: it lies beside the bundle of the tests.
  static func program() throws -> URL {
    let bundles = [Bundle.main] + Bundle.allBundles
    let folders = bundles.flatMap { bundle in
      [bundle.executableURL?.deletingLastPathComponent(), bundle.bundleURL].compactMap { $0 }
        .flatMap { [$0, $0.deletingLastPathComponent()] }
    }
    let places = folders.map { $0.appending(path: "halter") }
    guard
      let found = places.first(where: {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: $0.path, isDirectory: &isDirectory)
          && !isDirectory.boolValue
      })
    else { throw CannotStart(reason: "there is no built halter beside \(Bundle.main.bundlePath)") }
    return found
  }

  /// What the command has written to stderr so far.
  var messages: String { text("err") }

  func send(_ signal: Int32) { kill(pid, signal) }

  /// Whether the command still runs.
  var isRunning: Bool {
    if result != nil { return false }
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return true }
    finish(status)
    return false
  }

  /// Waits until a condition holds or the command ends.
  /// - Returns: whether the condition held while the command ran.
  func wait(for condition: () -> Bool) -> Bool {
    while isRunning {
      if condition() { return true }
      usleep(2000)
    }
    return false
  }

  /// Waits for the end of the command; one that takes longer than a minute is ended.
  func wait(seconds: Double = 60) -> CommandResult {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while isRunning {
      if ContinuousClock.now > deadline { kill(pid, SIGKILL) }
      usleep(2000)
    }
    return result ?? CommandResult(code: -1, isKilled: true, out: "", err: "not waited for")
  }

  private func finish(_ status: Int32) {
    let signal = status & 0x7F
    result = CommandResult(
      code: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, isKilled: signal != 0,
      out: text("out"), err: text("err"))
  }

  private func text(_ name: String) -> String {
    guard let data = try? Data(contentsOf: folder.appending(path: name)) else { return "" }
    return String(decoding: data, as: UTF8.self)
  }
}
