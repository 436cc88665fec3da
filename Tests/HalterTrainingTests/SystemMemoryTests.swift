import Foundation
import Testing

@testable import HalterTraining

/// The memory that is available, by the system's own files.
@Suite struct SystemMemoryTests {
  private func available(_ files: [String: String]) throws -> Int {
    let root = FileManager.default.temporaryDirectory.appending(path: "system-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    for (path, text) in files {
      let url = root.appending(path: path)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    return SystemMemory.available(root: root, whole: 1 << 40)
  }

  private let meminfo = [
    "proc/meminfo": "MemTotal:       8000 kB\nMemFree:   100 kB\nMemAvailable:    4000 kB\n"
  ]

  @Test func theSystemSaysWhatIsThere() throws {
    #expect(try available(meminfo) == 4000 * 1024)
    #expect(try available([:]) == 1 << 40)
    #expect(SystemMemory.available > 0)
  }

  @Test func groupsAboveHoldToo() throws {
    let files = meminfo.merging([
      "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n",
      "sys/fs/cgroup/a/b/memory.current": "500\n", "sys/fs/cgroup/a/memory.max": "3000000\n",
      "sys/fs/cgroup/a/memory.current": "1000000\n",
      "sys/fs/cgroup/a/memory.stat": "anon 5\ninactive_file 200000\n",
    ]) { $1 }
    #expect(try available(files) == 2_200_000)
  }

  @Test func theFirstVersionHoldsToo() throws {
    let files = meminfo.merging([
      "proc/self/cgroup": "5:cpu:/x\n3:memory:/docker/1\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500000\n",
    ]) { $1 }
    #expect(try available(files) == 500_000)
  }
}
