import Foundation
import HalterData

/// A path of a recipe: as written, and where it leads. Two are equal if they lead to the same
/// place.
public struct RecipePath: Sendable, Equatable {
  /// The path as it was written.
  public let text: String
  /// The absolute path, without `.` and `..`.
  public let absolute: String

  /// Whether this stands for standard input, where that is allowed.
  var isStandardInput: Bool { absolute == "-" }

  /// Whether there is something to read: a file or folder, a file that matches a pattern, or
  /// standard input.
  var isThere: Bool { isStandardInput || SourceFile.exists(absolute) }

  /// The place as a file URL.
  public var url: URL { URL(fileURLWithPath: absolute) }

  /// Whether both lead to the same place, however written.
  public static func == (left: RecipePath, right: RecipePath) -> Bool {
    left.absolute == right.absolute
  }

  /// `text` as an absolute path, beginning in the absolute `folder` if it is relative.
  static func absolute(_ text: String, from folder: String) -> String {
    var parts: [Substring] = []
    for part in (text.hasPrefix("/") ? text : folder + "/" + text).split(separator: "/") {
      switch part {
      case ".": continue
      case "..": _ = parts.popLast()
      default: parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }
}

extension RecipeCodec where Value == RecipePath {
  /// A file or folder that the run reads, relative to where it is written: to the recipe's folder,
  /// or for an argument to the folder of the command.
  static let input = path("a path", isOutput: false)
  /// As `input`, or a pattern of files, or `-` for standard input.
  static let source = path("a path", isOutput: false, isSource: true)
  /// A folder that the run makes, relative to the folder of the command.
  static let output = path("a folder", isOutput: true)

  private static func path(
    _ type: String, isOutput: Bool, isSource: Bool = false
  ) -> RecipeCodec {
    RecipeCodec(type, .path) {
      .text($0.absolute)
    } decode: { node, decoding in
      guard case .scalar(let text, _) = node.content, isPath(text, node, &decoding) else {
        if case .scalar = node.content { return nil }
        decoding.expected(type, found: node)
        return nil
      }
      if isSource, text == "-" { return RecipePath(text: text, absolute: text) }
      return RecipePath(
        text: text, absolute: decoding.absolutePath(text, at: node.place, isOutput: isOutput))
    }
  }
}

/// Whether `text` can be a path at all; reports if not.
func isPath(_ text: String, _ node: RecipeNode, _ decoding: inout RecipeDecoding) -> Bool {
  if text.isEmpty || text.unicodeScalars.contains("\0") {
    decoding.expected("a path", found: node)
    return false
  }
  if text == "~" || text.hasPrefix("~/") {
    decoding.report("~ has no meaning in a recipe: write the whole path", at: node.place)
    return false
  }
  return true
}

/// The model a recipe starts from: a name, or a directory or file.
public enum ModelReference: Sendable, Equatable {
  /// A name that `halter model list` knows, or `hf:OWNER/NAME`.
  case name(String)
  /// A checkpoint directory or a `.gguf` file.
  case path(RecipePath)
}

extension RecipeCodec where Value == ModelReference {
  /// A bare word is a name, unless something of that name lies where relative paths begin;
  /// anything with a slash is a path, except behind `hf:`.
  static let model = RecipeCodec("the name of a model, a directory or a .gguf file", .path) {
    reference in
    switch reference {
    case .name(let name): .text(name)
    case .path(let path): .text(path.absolute)
    }
  } decode: { node, decoding in
    guard case .scalar(let text, _) = node.content else {
      decoding.expected("the name of a model, a directory or a .gguf file", found: node)
      return nil
    }
    if text.hasPrefix("hf:") { return .name(text) }
    guard isPath(text, node, &decoding) else { return nil }
    let absolute = decoding.absolutePath(text, at: node.place, isOutput: false)
    let isWord = !text.contains("/") && !text.hasPrefix(".") && !text.hasSuffix(".gguf")
    if isWord, !FileManager.default.fileExists(atPath: absolute) { return .name(text) }
    return .path(RecipePath(text: text, absolute: absolute))
  }
}
