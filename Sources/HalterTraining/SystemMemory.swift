import Foundation

/// The memory that this process can still take without hurting itself or others.
public enum SystemMemory {
  /// Bytes that the system, and every control group that the process is in, would still give; the
  /// machine's whole memory where the system does not tell.
  public static var available: Int {
    let whole = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    return available(root: URL(fileURLWithPath: "/"), whole: whole)
  }

  /// As `available`, with the files of the system below another root.
  static func available(root: URL, whole: Int) -> Int {
    func text(_ path: String) -> String? {
      try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
    func number(_ path: String) -> Int? {
      text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    var least =
      text("proc/meminfo").flatMap { field("MemAvailable", in: $0) }.map { $0 * 1024 } ?? whole
    // Lines are `0::/path` of version 2, `N:memory:/path` of version 1.
    for line in (text("proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isNew = parts[1].isEmpty
      guard isNew || parts[1].split(separator: ",").contains("memory") else { continue }
      let base = isNew ? "sys/fs/cgroup" : "sys/fs/cgroup/memory"
      let (limitName, usedName) =
        isNew
        ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      var steps = parts[2].split(separator: "/").map(String.init)
      // A limit of any group above holds too. Inside a container the path may not exist; its own
      // group then is the root.
      while true {
        let folder = ([base] + steps).joined(separator: "/")
        if let limit = number("\(folder)/\(limitName)"), let used = number("\(folder)/\(usedName)")
        {
          let statistics = text("\(folder)/memory.stat") ?? ""
          // Pages of files that nobody has used lately are given up first.
          let spare =
            field(isNew ? "inactive_file" : "total_inactive_file", in: statistics) ?? 0
          least = min(least, max(0, limit - used + min(spare, used)))
        }
        if steps.popLast() == nil { break }
      }
    }
    return least
  }

  /// The number behind a name at the start of a line.
  private static func field(_ name: String, in text: String) -> Int? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let words = line.split { $0 == " " || $0 == ":" }
      if words.count > 1, words[0] == name { return Int(words[1]) }
    }
    return nil
  }
}
