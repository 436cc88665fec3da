import Crypto
import Foundation

/// Checksums of files, read in pieces.
enum FileDigest {
  /// Bytes read at a time.
  static let chunk = 1 << 20

  /// SHA-256 of a file, in lower-case hexadecimal.
  static func sha256(of url: URL) throws(HubError) -> String {
    var hash = SHA256()
    try read(url) { hash.update(data: $0) }
    return hexadecimal(hash.finalize())
  }

  /// The name git gives a file of these bytes: SHA-1 of `blob SIZE\0` and the bytes.
  ///
  /// SHA-1 is what the Hub publishes for small files; it guards against damage, not against forgery.
  static func gitBlob(of url: URL) throws(HubError) -> String {
    var hash = Insecure.SHA1()
    hash.update(data: Data("blob \(DurableFile.size(of: url) ?? 0)\0".utf8))
    try read(url) { hash.update(data: $0) }
    return hexadecimal(hash.finalize())
  }

  /// SHA-256 of bytes in memory, in lower-case hexadecimal.
  static func sha256(of data: Data) -> String { hexadecimal(SHA256.hash(data: data)) }

  private static func read(_ url: URL, _ body: (Data) -> Void) throws(HubError) {
    do {
      let handle = try FileHandle(forReadingFrom: url)
      defer { try? handle.close() }
      while let data = try handle.read(upToCount: chunk), !data.isEmpty {
        if Task.isCancelled { throw HubError.cancelled }
        body(data)
      }
    } catch let error as HubError {
      throw error
    } catch {
      throw HubError(.io, "cannot read \(url.path): \(error.localizedDescription)")
    }
  }

  private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
