import Foundation

/// One file of a source.
public struct SourceFile: Sendable, Equatable {
  /// The file.
  public let url: URL
  /// How messages call it: as the user wrote the source's path, as far as that goes.
  public let name: String

  /// Its size in bytes, 0 where that cannot be told.
  var size: Int {
    let values = try? url.resolvingSymlinksInPath().resourceValues(forKeys: [.fileSizeKey])
    return values?.fileSize ?? 0
  }

  /// Whether something is at a path, or matches it where it is a pattern.
  public static func exists(_ path: String) -> Bool {
    if FileManager.default.fileExists(atPath: path) { return true }
    guard let pattern = PathPattern(path) else { return false }
    return !pattern.files().isEmpty
  }

  /// The files that a path stands for: itself, the data files in a directory, or what matches a
  /// pattern; sorted by path.
  ///
  /// - Parameters:
  ///   - path: an absolute path or pattern.
  ///   - name: how the user wrote it.
  ///   - isText: whether plain text is asked for. In a directory it is taken for rows only then, or
  ///     where there is no other data: beside rows it is a README.
  /// - Throws: `DataError` when there is no such file or none that matches.
  static func find(
    _ path: String, name: String, isText: Bool = false
  ) throws(DataError) -> [SourceFile] {
    var isDirectory: ObjCBool = false
    // A file may have the characters of a pattern in its name.
    let isThere = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    if isThere, isDirectory.boolValue {
      return try dataFiles(inDirectory: path, name: name, isText: isText).map {
        SourceFile(url: URL(fileURLWithPath: path + "/" + $0), name: join(name, $0))
      }
    }
    guard !isThere, let pattern = PathPattern(path) else {
      return [SourceFile(url: URL(fileURLWithPath: path), name: name)]
    }
    let prefix = PathPattern(name)?.folder ?? name
    let files = pattern.files().map { file in
      SourceFile(
        url: URL(fileURLWithPath: join(pattern.folder, file)), name: join(prefix, file))
    }
    if files.isEmpty {
      throw DataError(
        .missingFile, "no file matches this pattern; patterns are relative to the recipe",
        file: name)
    }
    return files
  }

  private static func join(_ folder: String, _ file: String) -> String {
    folder.isEmpty || folder.hasSuffix("/") ? folder + file : folder + "/" + file
  }

  /// The names of the data files in a directory, sorted.
  private static func dataFiles(
    inDirectory path: String, name: String, isText: Bool
  ) throws(DataError) -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw DataError(.unreadable, "the directory cannot be read", file: name)
    }
    let visible = names.filter { !$0.hasPrefix(".") }.sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    let rows = visible.filter { isRowFile($0) }
    let texts = visible.filter { DataFormat(fileName: $0) == .text }
    let files = isText ? texts : rows.isEmpty ? texts : rows
    if files.isEmpty {
      let folder = visible.contains { isDirectory(path + "/" + $0) }
      throw DataError(
        .missingFile,
        "no data file is in this directory; expected one whose name ends in "
          + DataFormat.allCases.flatMap(\.extensions).map { "." + $0 }.joined(separator: ", ")
          + ", or these and .gz"
          + (folder ? "; for the directories in it write a pattern such as **/*.jsonl" : ""),
        file: name)
    }
    return files
  }

  /// Whether a file's name says that it holds rows. Parquet files do; that they are not read is
  /// said when they are opened, and not passed over.
  private static func isRowFile(_ name: String) -> Bool {
    if name.lowercased().hasSuffix(".parquet") { return true }
    return DataFormat(fileName: name).map { $0 != .text } ?? false
  }

  private static func isDirectory(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && isDirectory.boolValue
  }
}
