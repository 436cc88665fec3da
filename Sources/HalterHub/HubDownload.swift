import Foundation
import Synchronization

/// Brings one file of a repository to disk: resumed where it stopped, checked when complete.
struct HubDownload {
  let transport: HubTransport
  let repository: HubRepository
  let commit: String
  let file: HubListing.File
  /// The directory of the unfinished model.
  let directory: URL
  /// Called with the bytes of this file on disk.
  let progress: @Sendable (PullPhase, Int64) -> Void

  private var url: URL { directory.appendingPathComponent(file.path) }
  private var what: String { "downloading \(file.path) of \(repository)" }

  /// Returns the file's SHA-256 once its bytes are on the medium and are the promised ones.
  ///
  /// Bytes left by an earlier try are kept; when the whole then fails its checksum, the file is
  /// fetched once more from the start before that counts as an error.
  func run() async throws(HubError) -> String {
    let resumed = (DurableFile.size(of: url) ?? 0) > 0
    do throws(HubError) {
      return try await transferAndCheck()
    } catch {
      guard error.code == .corrupt, resumed else { throw error }
      return try await transferAndCheck()
    }
  }

  private func transferAndCheck() async throws(HubError) -> String {
    do throws(HubError) {
      try await transfer()
      progress(.verifying, file.size)
      return try check()
    } catch {
      if error.code == .corrupt { try DurableFile.remove(url) }
      throw error
    }
  }

  private func transfer() async throws(HubError) {
    let output = try DurableFile(appendingTo: url)
    if try output.size() > file.size { try output.reset() }
    progress(.downloading, try output.size())
    let address = try transport.address([
      repository.owner, repository.name, "resolve", commit, file.path,
    ])
    var before = try output.size()
    let _: Bool = try await transport.retrying(
      what,
      advanced: { () throws(HubError) -> Bool in
        let now = try output.size()
        defer { before = now }
        return now > before
      },
      body: { () async throws(HubError) -> (value: Bool?, reason: String) in
        let start = try output.size()
        if start == file.size { return (true, "") }
        let body = FileBody(
          output: output, start: start, size: file.size, what: what, progress: progress)
        let headers = start > 0 ? ["Range": "bytes=\(start)-"] : [:]
        switch try await transport.get(address, headers: headers, receiver: body) {
        case .broken(let reason):
          return (try output.size() == file.size ? true : nil, reason)
        case .answered(let head):
          return try reply(to: head, output: output)
        }
      })
    try output.synchronize()
  }

  private func reply(
    to head: ResponseHead, output: DurableFile
  ) throws(HubError) -> (value: Bool?, reason: String) {
    if head.status == 200 || head.status == 206 {
      let size = try output.size()
      if size == file.size { return (true, "") }
      return (nil, "the answer ended after \(size) of \(file.size) bytes")
    }
    if head.status == 416 {
      try output.reset()
      return (nil, "the server cannot go on from where the file stopped (416)")
    }
    if let error = transport.error(for: head, what: what) { throw error }
    return (nil, "status \(head.status)")
  }

  private func check() throws(HubError) -> String {
    let sha256 = try FileDigest.sha256(of: url)
    let (found, expected): (String, String)
    switch file.checksum {
    case .sha256(let published): (found, expected) = (sha256, published)
    case .gitBlob(let published): (found, expected) = (try FileDigest.gitBlob(of: url), published)
    }
    guard found == expected else {
      throw HubError(
        .corrupt,
        "\(file.path) of \(repository) has checksum \(found), the hub promises \(expected)",
        mend: "the file was removed; run the same command again")
    }
    return sha256
  }
}

/// Writes an answer to the end of a file, if it is the part of it that was asked for.
private final class FileBody: BodyReceiver {
  private let output: DurableFile
  private let start: Int64
  private let size: Int64
  private let what: String
  private let progress: @Sendable (PullPhase, Int64) -> Void
  private let written = Mutex<Int64>(0)

  init(
    output: DurableFile, start: Int64, size: Int64, what: String,
    progress: @escaping @Sendable (PullPhase, Int64) -> Void
  ) {
    self.output = output
    self.start = start
    self.size = size
    self.what = what
    self.progress = progress
  }

  func accept(_ head: ResponseHead) throws(HubError) -> Bool {
    switch head.status {
    case 200:
      // The whole file, asked for or not: what was there before does not count.
      if start > 0 { try output.reset() }
      written.withLock { $0 = 0 }
    case 206:
      guard let range = Self.range(head.headers["content-range"]), start > 0,
        range.first == start, range.size == size
      else {
        throw HubError(
          .badResponse,
          "\(what): bytes \(start)- of \(size) were asked for, the server sent "
            + "'\(head.headers["content-range"] ?? "no Content-Range")'")
      }
      written.withLock { $0 = start }
    default:
      return false
    }
    let before = written.withLock { $0 }
    if let length = head.contentLength, length > size - before {
      throw HubError(
        .corrupt,
        "\(what): the server sends \(length) bytes where \(size - before) of \(size) are missing",
        mend: "run the same command again")
    }
    return true
  }

  func receive(_ data: Data) throws(HubError) {
    let total = written.withLock { $0 + Int64(data.count) }
    guard total <= size else {
      throw HubError(
        .corrupt, "\(what): the server sends more than the \(size) bytes of the listing",
        mend: "run the same command again")
    }
    try output.append(data)
    written.withLock { $0 = total }
    progress(.downloading, total)
  }

  /// First byte and whole size of `bytes FIRST-LAST/SIZE`, when they fit each other.
  private static func range(_ header: String?) -> (first: Int64, size: Int64)? {
    guard let header, header.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = header.dropFirst(6).split(separator: "/")
    guard parts.count == 2, let size = Int64(parts[1]) else { return nil }
    let bounds = parts[0].split(separator: "-").map { Int64($0) }
    guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last,
      last == size - 1
    else { return nil }
    return (first, size)
  }
}
