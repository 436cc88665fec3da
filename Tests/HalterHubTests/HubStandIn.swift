import Crypto
import FlyingFox
import FlyingSocks
import Foundation
import HalterHub
import Synchronization

/// A hub on the loopback interface with one repository, `acme/tiny`.
final class HubStandIn: Sendable {
  struct Request: Sendable {
    let target: String
    let token: String?
    let range: String?
    let encoding: String?
  }

  typealias Handler = @Sendable (HTTPRequest, Int) async throws -> HTTPResponse?

  static let commit = "0123456789abcdef0123456789abcdef01234567"
  static let weights = "model.safetensors"

  let files: [String: Data]
  let port: UInt16
  private let log: Log
  private let server: HTTPServer

  private final class Log: Sendable {
    let requests = Mutex<[Request]>([])
  }

  var requests: [Request] { log.requests.withLock { $0 } }
  var endpoint: String { "http://127.0.0.1:\(port)" }

  func requests(of name: String) -> [Request] {
    requests.filter { $0.target.contains("/resolve/") && $0.target.hasSuffix("/\(name)") }
  }

  /// A model's files: a small config and weights of some size.
  static func tiny(weights count: Int = 300_000) -> [String: Data] {
    [
      "config.json": Data(#"{"model_type": "llama"}"#.utf8),
      "tokenizer.json": Data("{}".utf8),
      weights: Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 8)) }),
    ]
  }

  /// Runs a hub for the time of `body`.
  ///
  /// - Parameters:
  ///   - files: What the repository holds.
  ///   - listing: The listing's JSON in place of the right one.
  ///   - handler: Answers a request, given how many came for the same target before; nil leaves it
  ///     to the ordinary hub.
  ///   - body: The test.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws, or why the server could not start.
  static func run<Value>(
    files: [String: Data] = HubStandIn.tiny(), listing: String? = nil,
    handler: @escaping Handler = { _, _ in nil }, body: (HubStandIn) async throws -> Value
  ) async throws -> Value {
    let log = Log()
    let text = try listing ?? Self.listing(of: files)
    let server = HTTPServer(
      address: try .inet(ip4: "127.0.0.1", port: 0), timeout: 300, logger: .disabled)
    await server.appendRoute("*") { request in
      keepSocketsFromChildren()
      let target = request.target.rawValue
      let before = log.requests.withLock { requests in
        let before = requests.count { $0.target == target }
        requests.append(
          Request(
            target: target, token: request.headers[.authorization],
            range: request.headers[.range],
            encoding: request.headers[HTTPHeader("Accept-Encoding")]))
        return before
      }
      if let response = try await handler(request, before) { return response }
      return answer(request, files: files, listing: text)
    }
    let task = Task { try await server.run() }
    try await server.waitUntilListening(timeout: 120)
    guard case .ip4(_, let port)? = await server.listeningAddress else {
      throw SocketError.unsupportedAddress
    }
    let hub = HubStandIn(files: files, port: port, log: log, server: server)
    do {
      let value = try await body(hub)
      await server.stop()
      task.cancel()
      return value
    } catch {
      await server.stop()
      task.cancel()
      throw error
    }
  }

  private init(files: [String: Data], port: UInt16, log: Log, server: HTTPServer) {
    self.files = files
    self.port = port
    self.log = log
    self.server = server
  }

  /// A store that pulls from this hub with little patience.
  func store(at root: URL, token: String? = nil) -> ModelStore {
    Self.store(at: root, endpoint: endpoint, token: token)
  }

  static func store(at root: URL, endpoint: String, token: String? = nil) -> ModelStore {
    var environment = ["HF_ENDPOINT": endpoint]
    environment["HF_TOKEN"] = token
    let policy = TransferPolicy(attempts: 3, firstDelay: .milliseconds(5), idleSeconds: 120)
    return ModelStore(
      root: root, environment: environment, policy: policy,
      now: { Date(timeIntervalSince1970: 1_700_000_000) })
  }

  /// The hub's JSON about a repository of these files.
  static func listing(
    of files: [String: Data], commit: String = HubStandIn.commit
  ) throws -> String {
    let siblings = files.sorted { $0.key < $1.key }.map { name, data in
      var entry: [String: Any] = ["rfilename": name, "size": data.count]
      if name.hasSuffix(".safetensors") {
        entry["blobId"] = String(repeating: "a", count: 40)
        entry["lfs"] = ["sha256": sha256(data), "size": data.count, "pointerSize": 134]
      } else {
        var hash = Insecure.SHA1()
        hash.update(data: Data("blob \(data.count)\0".utf8))
        hash.update(data: data)
        entry["blobId"] = hash.finalize().map { String(format: "%02x", $0) }.joined()
      }
      return entry
    }
    let answer: [String: Any] = ["id": "acme/tiny", "sha": commit, "siblings": siblings]
    let data = try JSONSerialization.data(withJSONObject: answer)
    return String(decoding: data, as: UTF8.self)
  }

  static func sha256(_ data: Data) -> String {
    SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
  }

  private static func answer(
    _ request: HTTPRequest, files: [String: Data], listing: String
  ) -> HTTPResponse {
    if request.path.hasPrefix("/api/models/acme/tiny/revision/") {
      return HTTPResponse(statusCode: .ok, body: Data(listing.utf8))
    }
    let prefix = "/acme/tiny/resolve/\(commit)/"
    guard request.path.hasPrefix(prefix),
      let data = files[String(request.path.dropFirst(prefix.count))]
    else { return HTTPResponse(statusCode: .notFound) }
    return serve(data, range: request.headers[.range])
  }

  /// Marks every open socket of this process as not for its children: a connection that a child
  /// has inherited would not end when the server drops it.
  private static func keepSocketsFromChildren() {
    for descriptor in Int32(3)..<1024 {
      var status = stat()
      guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { continue }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
  }

  /// A file's bytes, or the rest of them from where a range starts.
  static func serve(_ data: Data, range: String?) -> HTTPResponse {
    guard let start = start(of: range) else { return HTTPResponse(statusCode: .ok, body: data) }
    return HTTPResponse(
      statusCode: .partialContent,
      headers: HTTPHeaders([.contentRange: "bytes \(start)-\(data.count - 1)/\(data.count)"]),
      body: data[start...])
  }

  /// The first byte that `bytes=N-` asks for.
  static func start(of range: String?) -> Int? {
    range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) }
  }

  /// An answer that promises all of `data` and breaks off after `count` bytes.
  static func cut(_ data: Data, after count: Int) -> HTTPResponse {
    HTTPResponse(
      statusCode: .ok,
      body: HTTPBodySequence(from: CutBody(bytes: data.prefix(count)), count: data.count))
  }
}

/// Some bytes, then a broken connection.
private struct CutBody: AsyncBufferedSequence {
  typealias Element = UInt8
  let bytes: Data

  struct AsyncIterator: AsyncBufferedIteratorProtocol {
    var rest: Data

    mutating func next() async throws -> UInt8? {
      guard let byte = rest.popFirst() else { throw SocketError.disconnected }
      return byte
    }

    mutating func nextBuffer(suggested count: Int) async throws -> Data? {
      if rest.isEmpty {
        // Time for the bytes to arrive, so that they are not lost with the connection.
        try await Task.sleep(for: .milliseconds(30))
        throw SocketError.disconnected
      }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: bytes) }
}

/// A directory for the time of one test.
func withTemporaryDirectory<Value>(_ body: (URL) async throws -> Value) async throws -> Value {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("halter-hub-\(UUID())")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try await body(url)
}

/// The error that a pull or another call ends with; nil when it ends well.
func hubError(of body: () async throws -> Void) async throws -> HubError? {
  do {
    try await body()
    return nil
  } catch let error as HubError {
    return error
  }
}

/// Where `acme/tiny` appears in a store.
func modelDirectory(in root: URL) -> URL {
  root.appendingPathComponent("models/hf/acme/tiny/\(HubStandIn.commit)")
}

/// Whether nothing that could be taken for a model is in a store.
func holdsNoModel(_ root: URL) -> Bool {
  let store = ModelStore(root: root, environment: [:])
  return !FileManager.default.fileExists(atPath: modelDirectory(in: root).path)
    && store.list().allSatisfy { $0.state == .available }
}
