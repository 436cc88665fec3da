import Foundation

/// Tells a whole HDF5 file from a damaged one before the library reads a byte of it.
///
/// A sealed file begins with a block of 512 bytes that HDF5 leaves to the user (its "user block"):
/// three lines of text with the length and the SHA-256 of all that follows, filled up with blanks.
/// As the whole block follows from the rest of the file, any byte that was changed, cut off or
/// added anywhere is found.
enum HDF5Seal {
  /// The size of the block: the smallest that HDF5 knows.
  static let size = 512

  /// Writes the block of a finished file in place; `path` is the file's name to be, for messages.
  static func write(to location: URL, path: String) throws(FormatError) {
    let block = try block(for: location)
    do {
      let file = try FileHandle(forUpdating: location)
      defer { try? file.close() }
      try file.write(contentsOf: block)
    } catch {
      throw FormatError(
        .io, "cannot write the seal: \(error.localizedDescription)", path: path)
    }
  }

  /// Compares the block with what it must be.
  /// - Throws: `FormatError` with code `mismatch` when the file is not as it was sealed.
  static func verify(_ url: URL) throws(FormatError) {
    let expected = try block(for: url)
    let found: Data
    do {
      let file = try FileHandle(forReadingFrom: url)
      defer { try? file.close() }
      found = try file.read(upToCount: size) ?? Data()
    } catch {
      throw FormatError(
        .io, "cannot read the seal: \(error.localizedDescription)", path: url.path)
    }
    guard found == expected else {
      let isSealed = found.starts(with: Data(magic.utf8))
      throw FormatError(
        .mismatch,
        isSealed
          ? "the file is not as it was written: its SHA-256 differs from the one in its seal"
          : "the file has no seal, which is the first thing in it",
        path: url.path)
    }
  }

  private static let magic = "halter sealed hdf5 1\n"

  private static func block(for url: URL) throws(FormatError) -> Data {
    let (sum, length) = try Checksum.sha256(ofFile: url, from: size)
    let text = magic + "sha256 \(sum)\nbytes \(length)\n"
    return Data(text.utf8) + Data(repeating: UInt8(ascii: " "), count: size - text.utf8.count)
  }
}
