import Foundation

/// Finding out which format a checkpoint has.
public enum Weights {
  /// Opens the weights at `url`: a directory with safetensors, a safetensors file, or a GGUF file,
  /// told apart by what they are, not by their names.
  /// - Throws: `FormatError` when there is nothing, or nothing that is understood.
  public static func open(_ url: URL) throws(FormatError) -> any WeightFile {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory),
      isDirectory.boolValue
    {
      return try SafetensorsDirectory(url)
    }
    return try isGGUF(url) ? try GGUFFile(url) : try SafetensorsFile(url)
  }

  /// Whether the file at `url` begins as GGUF files do.
  /// - Throws: `FormatError` when it cannot be read.
  public static func isGGUF(_ url: URL) throws(FormatError) -> Bool {
    try MappedFile(url).withBytes { $0.starts(with: "GGUF".utf8) }
  }
}
