import FlyingFox
import Foundation
import Synchronization
import Testing

@testable import HalterHub

extension HubTests {
  @Suite struct HubPullTests {
    @Test func bringsEveryFileAndPinsTheCommit() async throws {
      var files = HubStandIn.tiny()
      files["README.md"] = Data("not needed".utf8)
      files["onnx/model.onnx"] = Data("not needed".utf8)
      files["pytorch_model.bin"] = Data("not needed".utf8)
      files["consolidated.safetensors"] = Data("the same weights again".utf8)
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(files: files) { hub in
          let store = hub.store(at: root)
          let pulled = try await store.pull("hf:acme/tiny")
          #expect(pulled.url.path == modelDirectory(in: root).path)
          #expect(!pulled.wasPresent)
          let names = try FileManager.default.contentsOfDirectory(atPath: pulled.url.path)
          #expect(
            names.sorted() == [
              "config.json", "halter-model.json", "model.safetensors", "tokenizer.json",
            ])
          for name in names where name != "halter-model.json" {
            #expect(try Data(contentsOf: pulled.url.appendingPathComponent(name)) == files[name])
          }
          #expect(pulled.manifest.source == "hf:acme/tiny")
          #expect(pulled.manifest.revision == HubStandIn.commit)
          #expect(pulled.manifest.pulledAt == Date(timeIntervalSince1970: 1_700_000_000))
          #expect(try store.resolve("hf:acme/tiny") == pulled.url)
          #expect(try store.resolve("hf:acme/tiny@\(HubStandIn.commit)") == pulled.url)
          #expect(try store.verify("hf:acme/tiny") == pulled.manifest)
        }
      }
    }

    @Test func secondPullFetchesNothing() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let store = hub.store(at: root)
          let first = try await store.pull("hf:acme/tiny")
          let before = hub.requests.count
          let second = try await store.pull("hf:acme/tiny")
          #expect(second.wasPresent)
          #expect(second.manifest == first.manifest)
          #expect(hub.requests.count == before + 1, "only the listing is asked for again")
        }
      }
    }

    @Test func flippedByteIsFoundByVerifyAndMendedByPull() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let store = hub.store(at: root)
          let pulled = try await store.pull("hf:acme/tiny")
          let weights = pulled.url.appendingPathComponent(HubStandIn.weights)
          var data = try Data(contentsOf: weights)
          data[77] ^= 1
          try data.write(to: weights)
          #expect(try store.resolve("hf:acme/tiny") == pulled.url)
          let error = try await hubError { try store.verify("hf:acme/tiny") }
          #expect(error?.code == .corrupt)
          #expect(error?.description.contains("halter model pull hf:acme/tiny") == true)
          let again = try await store.pull("hf:acme/tiny")
          #expect(!again.wasPresent)
          try store.verify("hf:acme/tiny")
        }
      }
    }

    @Test func progressGrowsToTheTotal() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let seen = Mutex<[PullProgress]>([])
          let pulled = try await hub.store(at: root).pull("hf:acme/tiny") { progress in
            seen.withLock { $0.append(progress) }
          }
          let downloads = seen.withLock { $0 }.filter { $0.phase == .downloading }
          let bytes = downloads.map(\.bytesDone)
          #expect(bytes == bytes.sorted())
          #expect(bytes.last == pulled.manifest.totalSize)
          #expect(downloads.allSatisfy { $0.bytesTotal == pulled.manifest.totalSize })
          #expect(bytes.count > 6, "a file arrives in pieces")
        }
      }
    }

    @Test func goesOnAfterTheConnectionBreaks() async throws {
      let handler: HubStandIn.Handler = { request, before in
        guard request.path.hasSuffix(HubStandIn.weights), before == 0 else { return nil }
        return HubStandIn.cut(HubStandIn.tiny()[HubStandIn.weights] ?? Data(), after: 200_000)
      }
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(handler: handler) { hub in
          try await hub.store(at: root).pull("hf:acme/tiny")
          let requests = hub.requests(of: HubStandIn.weights)
          try #require(requests.count == 2)
          #expect(requests[0].range == nil)
          let start = try #require(HubStandIn.start(of: requests[1].range))
          #expect(start > 0 && start <= 200_000)
        }
      }
    }

    @Test func eachBreakThatBroughtBytesStartsTheCountAgain() async throws {
      let data = HubStandIn.tiny()[HubStandIn.weights] ?? Data()
      let handler: HubStandIn.Handler = { request, before in
        guard request.path.hasSuffix(HubStandIn.weights), before < 6 else { return nil }
        let start = HubStandIn.start(of: request.headers[.range]) ?? 0
        var response = HubStandIn.cut(data[start...], after: 40_000)
        if start > 0 {
          response.statusCode = .partialContent
          response.headers[.contentRange] = "bytes \(start)-\(data.count - 1)/\(data.count)"
        }
        return response
      }
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(handler: handler) { hub in
          try await hub.store(at: root).pull("hf:acme/tiny")
          #expect(hub.requests(of: HubStandIn.weights).count == 7)
        }
      }
    }

    @Test func startsAgainWhereTheServerKnowsNoRanges() async throws {
      let data = HubStandIn.tiny()[HubStandIn.weights] ?? Data()
      let handler: HubStandIn.Handler = { request, before in
        guard request.path.hasSuffix(HubStandIn.weights) else { return nil }
        return before == 0
          ? HubStandIn.cut(data, after: 100_000) : HTTPResponse(statusCode: .ok, body: data)
      }
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(handler: handler) { hub in
          let pulled = try await hub.store(at: root).pull("hf:acme/tiny")
          let weights = pulled.url.appendingPathComponent(HubStandIn.weights)
          #expect(try Data(contentsOf: weights) == data)
          #expect(hub.requests(of: HubStandIn.weights).last?.range != nil)
        }
      }
    }

    @Test func damagedLeftoverIsFetchedFromTheStart() async throws {
      try await withTemporaryDirectory { root in
        let partial = ModelStore.partial(of: modelDirectory(in: root))
        try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: true)
        try Data(repeating: 7, count: 1000)
          .write(to: partial.appendingPathComponent(HubStandIn.weights))
        try Data("x".utf8).write(to: partial.appendingPathComponent("stray"))
        try await HubStandIn.run { hub in
          let pulled = try await hub.store(at: root).pull("hf:acme/tiny")
          let ranges = hub.requests(of: HubStandIn.weights).map(\.range)
          #expect(ranges == ["bytes=1000-", nil])
          let names = try FileManager.default.contentsOfDirectory(atPath: pulled.url.path)
          #expect(!names.contains("stray"))
        }
      }
    }

    @Test func serverErrorIsTriedAgain() async throws {
      let handler: HubStandIn.Handler = { _, before in
        before == 0 ? HTTPResponse(statusCode: .serviceUnavailable) : nil
      }
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(handler: handler) { hub in
          try await hub.store(at: root).pull("hf:acme/tiny")
          #expect(hub.requests.count == 8, "listing and three files, each twice")
        }
      }
    }

    @Test func twoPullsAtOnceFetchOnce() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(files: HubStandIn.tiny(weights: 2_000_000)) { hub in
          let store = hub.store(at: root)
          async let first = store.pull("hf:acme/tiny")
          async let second = store.pull("hf:acme/tiny")
          let both = try await [first, second]
          #expect(both.count { $0.wasPresent } == 1)
          #expect(hub.requests(of: HubStandIn.weights).count == 1)
          try store.verify("hf:acme/tiny")
        }
      }
    }

    /// The other process is a shell that holds the lock and then puts a model in place.
    @Test func pullWaitsForAnotherProcessAndFindsItsWork() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let done = try await hub.store(at: root.appendingPathComponent("other"))
            .pull("hf:acme/tiny")
          let fetched = hub.requests(of: HubStandIn.weights).count
          let target = modelDirectory(in: root)
          let parent = target.deletingLastPathComponent()
          try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
          let script = """
            touch held
            while [ ! -e release ]; do sleep 0.02; done
            mv '\(done.url.path)' '\(target.path)'
            """
          let other = Process()
          other.executableURL = URL(fileURLWithPath: "/usr/bin/flock")
          other.arguments = [ModelStore.lock(of: target).path, "/bin/sh", "-c", script]
          other.currentDirectoryURL = root
          try other.run()
          let held = root.appendingPathComponent("held").path
          while other.isRunning, !FileManager.default.fileExists(atPath: held) {
            try await Task.sleep(for: .milliseconds(10))
          }
          let waits = Mutex(0)
          let pulled = try await hub.store(at: root).pull("hf:acme/tiny") { progress in
            guard progress.phase == .waiting else { return }
            waits.withLock { $0 += 1 }
            _ = FileManager.default.createFile(atPath: root.path + "/release", contents: nil)
          }
          #expect(waits.withLock { $0 } == 1)
          #expect(pulled.wasPresent)
          #expect(pulled.manifest == done.manifest)
          #expect(hub.requests(of: HubStandIn.weights).count == fetched)
        }
      }
    }

    /// The killed process has a hub of its own: the parent may have no thread to spare for one.
    @Test func killedPullLeavesNoModelAndTheNextGoesOn() async throws {
      try await withTemporaryDirectory { root in
        let path = root.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
          try await HubStandIn.run(files: HubStandIn.tiny(weights: 2_000_000)) { hub in
            _ = try await hub.store(at: URL(fileURLWithPath: path)).pull("hf:acme/tiny") {
              progress in
              if progress.bytesDone > 500_000 { kill(getpid(), SIGKILL) }
            }
          }
        }
        #expect(holdsNoModel(root))
        try await HubStandIn.run(files: HubStandIn.tiny(weights: 2_000_000)) { hub in
          let store = hub.store(at: root)
          #expect(try await hubError { _ = try store.resolve("hf:acme/tiny") }?.code == .notPulled)
          try await store.pull("hf:acme/tiny")
          try store.verify("hf:acme/tiny")
          let start = HubStandIn.start(of: hub.requests(of: HubStandIn.weights).last?.range) ?? 0
          #expect(start > 400_000, "the second pull goes on from the bytes of the first")
        }
      }
    }

    @Test func silentServerCountsAsABrokenConnection() async throws {
      let handler: HubStandIn.Handler = { request, before in
        if before == 0, request.path.hasPrefix("/api/") { try await Task.sleep(for: .seconds(30)) }
        return nil
      }
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(handler: handler) { hub in
          let policy = TransferPolicy(attempts: 40, firstDelay: .milliseconds(1), idleSeconds: 1)
          let store = ModelStore(
            root: root, environment: ["HF_ENDPOINT": hub.endpoint], policy: policy)
          try await store.pull("hf:acme/tiny")
          #expect(hub.requests.filter { $0.target.hasPrefix("/api/") }.count >= 2)
        }
      }
    }

    @Test func cancelledPullLeavesNoModel() async throws {
      try await withTemporaryDirectory { root in
        let handler: HubStandIn.Handler = { request, _ in
          if request.path.hasSuffix(HubStandIn.weights) { try await Task.sleep(for: .seconds(10)) }
          return nil
        }
        try await HubStandIn.run(handler: handler) { hub in
          let store = hub.store(at: root)
          let task = Task { try await store.pull("hf:acme/tiny") }
          while hub.requests(of: HubStandIn.weights).isEmpty {
            try await Task.sleep(for: .milliseconds(10))
          }
          task.cancel()
          let error = try await hubError { _ = try await task.value }
          #expect(error?.code == .cancelled)
          #expect(error?.exitCode == 130)
          #expect(holdsNoModel(root))
        }
      }
    }

    @Test func revisionIsOneEncodedComponentAndRemembered() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let store = hub.store(at: root)
          let pulled = try await store.pull("hf:acme/tiny@refs/pr/3")
          #expect(
            hub.requests.first?.target == "/api/models/acme/tiny/revision/refs%2Fpr%2F3?blobs=true")
          #expect(try store.resolve("hf:acme/tiny@refs/pr/3") == pulled.url)
          let error = try await hubError { _ = try store.resolve("hf:acme/tiny") }
          #expect(error?.code == .notPulled, "main was never pulled")
        }
      }
    }

    @Test func tokenGoesToTheEndpointAndNothingIsCompressed() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          try await hub.store(at: root, token: " hf_secret\n").pull("hf:acme/tiny")
          #expect(hub.requests.count == 4)
          #expect(hub.requests.allSatisfy { $0.token == "Bearer hf_secret" })
          #expect(hub.requests.allSatisfy { $0.encoding == "identity" })
        }
      }
    }

    @Test func withoutTokenNoneIsSent() async throws {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          try await hub.store(at: root).pull("hf:acme/tiny")
          #expect(hub.requests.allSatisfy { $0.token == nil })
        }
      }
    }

    @Test func redirectToAnotherHostGetsNoToken() async throws {
      try await withTemporaryDirectory { root in
        let data = HubStandIn.tiny()
        let storage: HubStandIn.Handler = { request, _ in
          let name = String(request.path.split(separator: "/").last ?? "")
          return HubStandIn.serve(data[name] ?? Data(), range: nil)
        }
        try await HubStandIn.run(handler: storage) { other in
          let target = other.endpoint
          let handler: HubStandIn.Handler = { request, _ in
            guard request.path.hasSuffix(HubStandIn.weights) else { return nil }
            if request.path.hasPrefix("/hop") {
              return HTTPResponse(
                statusCode: .found,
                headers: HTTPHeaders([.location: target + "/x/model.safetensors?sig=1"]))
            }
            return HTTPResponse(
              statusCode: .temporaryRedirect, headers: [.location: "/hop/model.safetensors"],
              body: Data("moved".utf8))
          }
          try await HubStandIn.run(handler: handler) { hub in
            try await hub.store(at: root, token: "hf_secret").pull("hf:acme/tiny")
            #expect(hub.requests.allSatisfy { $0.token == "Bearer hf_secret" })
            #expect(hub.requests.contains { $0.target == "/hop/model.safetensors" })
            #expect(other.requests.map(\.target) == ["/x/model.safetensors?sig=1"])
            #expect(other.requests.allSatisfy { $0.token == nil })
          }
        }
      }
    }
  }
}
