import Foundation
import HalterFormats

/// The bytes of a file from front to back, unpacked where the file is packed with gzip.
struct ByteStream {
  private enum Source {
    case plain(FileHandle)
    case gzip(GzipReader)
  }

  /// The file as the user named it, for messages.
  let name: String
  /// Whether the file is packed.
  let isPacked: Bool
  private let source: Source
  private var first: Data?
  private var plainBytesRead = 0

  /// How many bytes of the file have been read, packed ones where it is packed.
  var bytesRead: Int {
    switch source {
    case .plain: plainBytesRead
    case .gzip(let reader): reader.bytesRead
    }
  }

  /// Opens a file.
  ///
  /// - Throws: `DataError` when there is no such file, when it is no regular file, when it cannot
  ///   be read, and when only its name says that it is packed.
  init(url: URL, name: String) throws(DataError) {
    self.name = name
    let handle = try Self.open(url, name: name)
    let first: Data
    do {
      first = try handle.read(upToCount: GzipReader.signature.count) ?? Data()
    } catch {
      throw DataError(.unreadable, "reading failed: \(Self.reason(error))", file: name)
    }
    isPacked = first.elementsEqual(GzipReader.signature)
    if isPacked {
      do throws(FormatError) {
        source = .gzip(try GzipReader(url))
      } catch {
        throw DataError(error, file: name)
      }
    } else {
      if name.lowercased().hasSuffix(".gz"), !first.isEmpty {
        throw DataError(
          .malformed, "the name says gzip, but the file is not packed; rename it without .gz",
          file: name)
      }
      source = .plain(handle)
      self.first = first
      plainBytesRead = first.count
    }
  }

  /// Appends the next bytes to a buffer.
  ///
  /// - Parameters:
  ///   - count: how many bytes to read at most; positive.
  ///   - buffer: what they are appended to.
  ///   - line: the line that reading has come to, for messages.
  /// - Returns: false when there are no more.
  /// - Throws: `DataError` when the disk refuses or the packed data is damaged.
  mutating func read(
    _ count: Int, into buffer: inout [UInt8], atLine line: Int
  ) throws(DataError) -> Bool {
    if let first, !first.isEmpty {
      self.first = nil
      buffer.append(contentsOf: first)
      return true
    }
    switch source {
    case .plain(let handle):
      do {
        guard let data = try handle.read(upToCount: count), !data.isEmpty else { return false }
        plainBytesRead += data.count
        buffer.append(contentsOf: data)
        return true
      } catch {
        throw DataError(
          .unreadable, "reading stopped: \(Self.reason(error))", file: name, line: line)
      }
    case .gzip(let reader):
      do throws(FormatError) {
        let bytes = try reader.read(upTo: count)
        buffer.append(contentsOf: bytes)
        return !bytes.isEmpty
      } catch {
        throw DataError(error, file: name, line: line)
      }
    }
  }

  private static func open(_ url: URL, name: String) throws(DataError) -> FileHandle {
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw DataError(
        .missingFile, "there is no such file; paths are relative to the recipe", file: name)
    }
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [
      .isDirectoryKey, .isRegularFileKey,
    ])
    if values?.isDirectory == true {
      throw DataError(
        .unreadable, "this is a directory; name the .jsonl file inside it", file: name)
    }
    if values?.isRegularFile == false {
      throw DataError(
        .unreadable,
        "this is a pipe or a device, which cannot be read twice; name it `-` in the recipe and"
          + " redirect it into the command", file: name)
    }
    do {
      return try FileHandle(forReadingFrom: url)
    } catch {
      throw DataError(
        .unreadable, "the file cannot be opened: \(Self.reason(error))", file: name)
    }
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return (underlying ?? error as NSError).localizedDescription
  }
}

extension DataError {
  /// A fault in a file's bytes, under the name that the user knows.
  init(_ error: FormatError, file: String, line: Int? = nil) {
    let code: Code =
      switch error.code {
      case .notFound: .missingFile
      case .permissionDenied, .io: .unreadable
      default: .malformed
      }
    var message = error.message
    if let tensor = error.tensor { message = "`\(tensor)`: \(message)" }
    if let offset = error.offset { message += " (at byte \(offset))" }
    if let mend = error.mend { message += "; \(mend.prefix(1).lowercased())\(mend.dropFirst())" }
    self.init(code, message, file: file, line: line)
  }
}
