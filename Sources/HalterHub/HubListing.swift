import Foundation
import Synchronization

/// What a repository holds at one commit, as far as it is needed.
struct HubListing: Sendable, Equatable {
  /// One file to download.
  struct File: Sendable, Equatable {
    let path: String
    let size: Int64
    let checksum: Checksum
  }

  /// The checksum the hub publishes for a file.
  enum Checksum: Sendable, Equatable {
    /// SHA-256 of a large file.
    case sha256(String)
    /// Git's name of a small file.
    case gitBlob(String)
  }

  /// The commit, 40 hexadecimal digits.
  let commit: String
  let files: [File]

  var totalSize: Int64 { files.reduce(0) { $0 + $1.size } }

  /// No file is larger, in bytes (16 TiB); also keeps sums of sizes far from overflow.
  private static let sizeLimit: Int64 = 1 << 44

  /// Files other than weights that a model, its tokenizer or an adapter may need.
  private static let companions: Set<String> = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja", "tokenizer.model", "adapter_config.json",
    "model.safetensors.index.json",
  ]

  /// Reads the hub's answer about a repository.
  ///
  /// - Throws: `HubError` of code `badResponse` when it is not such an answer, names files outside
  ///   of the repository, lacks sizes or checksums, or holds no safetensors file.
  init(parsing data: Data, repository: HubRepository) throws(HubError) {
    let answer: Answer
    do {
      answer = try JSONDecoder().decode(Answer.self, from: data)
    } catch {
      throw HubError(
        .badResponse, "the hub's listing of \(repository) cannot be read",
        mend: "check HF_ENDPOINT; it must answer like huggingface.co")
    }
    guard SafeName.isCommit(answer.sha) else {
      throw HubError(
        .badResponse, "the hub's listing of \(repository) gives '\(answer.sha)' as its commit")
    }
    if SafeName.isCommit(repository.revision), repository.revision != answer.sha {
      throw HubError(
        .badResponse, "the hub answers \(repository) with the other commit \(answer.sha)")
    }
    commit = answer.sha
    let names = answer.siblings.map(\.rfilename)
    if let hostile = names.first(where: SafeName.isHostile(path:)) {
      throw HubError(
        .badResponse,
        "the hub's listing of \(repository) names a file outside of it: '\(hostile)'",
        mend: "nothing was downloaded; do not trust this repository")
    }
    let hasModel = names.contains { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
    var files: [File] = []
    for entry in answer.siblings where Self.isWanted(entry.rfilename, hasModel: hasModel) {
      files.append(try Self.file(entry, repository: repository))
    }
    guard Set(files.map(\.path)).count == files.count else {
      throw HubError(.badResponse, "the hub's listing of \(repository) names a file twice")
    }
    guard files.contains(where: { $0.path.hasSuffix(".safetensors") }) else {
      throw HubError(
        .badResponse, "\(repository) holds no .safetensors file",
        mend: "choose a repository with safetensors weights")
    }
    self.files = files.sorted { ($0.size, $0.path) < ($1.size, $1.path) }
  }

  /// A second copy of the weights under another name, as some repositories hold, is left out.
  private static func isWanted(_ path: String, hasModel: Bool) -> Bool {
    guard SafeName.isComponent(path), path != ModelManifest.fileName else { return false }
    if companions.contains(path) { return true }
    guard path.hasSuffix(".safetensors") else { return false }
    return !(hasModel && path.hasPrefix("consolidated"))
  }

  private static func file(
    _ entry: Answer.Sibling, repository: HubRepository
  ) throws(HubError) -> File {
    let large = entry.lfs?.sha256 ?? entry.lfs?.oid
    guard let size = entry.lfs?.size ?? entry.size, (0...sizeLimit).contains(size) else {
      throw HubError(
        .badResponse,
        "the hub's listing of \(repository) gives no possible size for \(entry.rfilename)")
    }
    if let large, SafeName.isHexadecimal(large, count: 64) {
      return File(path: entry.rfilename, size: size, checksum: .sha256(large))
    }
    if large == nil, let small = entry.blobId ?? entry.oid,
      SafeName.isHexadecimal(small, count: 40)
    {
      return File(path: entry.rfilename, size: size, checksum: .gitBlob(small))
    }
    throw HubError(
      .badResponse, "the hub's listing of \(repository) gives no checksum for \(entry.rfilename)",
      mend: "a file that cannot be checked is not downloaded")
  }

  private struct Answer: Decodable {
    struct Sibling: Decodable {
      struct LargeFile: Decodable {
        let sha256: String?
        let oid: String?
        let size: Int64?
      }
      let rfilename: String
      let size: Int64?
      let blobId: String?
      let oid: String?
      let lfs: LargeFile?
    }
    let sha: String
    let siblings: [Sibling]
  }
}

extension HubTransport {
  /// Asks the hub what a repository holds at its revision.
  func listing(of repository: HubRepository) async throws(HubError) -> HubListing {
    let url = try address(
      ["api", "models", repository.owner, repository.name, "revision", repository.revision],
      query: "blobs=true")
    let what = "listing \(repository)"
    let data: Data = try await retrying(
      what,
      body: { () async throws(HubError) -> (value: Data?, reason: String) in
        let body = ListingBody(what: what)
        switch try await get(url, headers: ["Accept": "application/json"], receiver: body) {
        case .broken(let reason): return (nil, reason)
        case .answered(let head):
          if head.status == 200 { return (body.data, "") }
          if let error = error(for: head, what: what) { throw error }
          return (nil, "status \(head.status)")
        }
      })
    return try HubListing(parsing: data, repository: repository)
  }
}

/// Keeps a small answer in memory.
private final class ListingBody: BodyReceiver {
  private static let limit = 32 << 20
  private let what: String
  private let bytes = Mutex(Data())

  init(what: String) {
    self.what = what
  }

  var data: Data { bytes.withLock { $0 } }

  func accept(_ head: ResponseHead) -> Bool { head.status == 200 }

  func receive(_ data: Data) throws(HubError) {
    let size = bytes.withLock {
      $0.append(data)
      return $0.count
    }
    if size > Self.limit {
      throw HubError(.badResponse, "\(what): the answer is larger than \(Self.limit) bytes")
    }
  }
}
