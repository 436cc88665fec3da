/// Where a row stands in the outside world.
public struct RowLocation: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The file as the user named it.
  public let file: String
  /// The line, counted from 1.
  public let line: Int

  /// A row's place: the file as the user named it, and the line counted from 1.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  /// `file:line`.
  public var description: String { "\(file):\(line)" }
}

/// A fault in training data: what was found, where, what was expected, and the mend.
public struct DataError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of fault; the command's exit code follows from it.
  public enum Code: Sendable, Hashable {
    /// There is no such file.
    case missingFile
    /// The file is there and could not be read (rights, a directory, the disk).
    case unreadable
    /// The text is not what the format asks for.
    case malformed
    /// The text is well formed and does not fit the layout.
    case misfit
    /// A row is longer than `max_length` and the recipe asked for an error.
    case tooLong
    /// Nothing, or nothing useful, could be learned from the rows.
    case untrainable
  }

  /// The kind of fault.
  public let code: Code
  /// The file, where one is to blame.
  public let file: String?
  /// The line, counted from 1.
  public let line: Int?
  /// The column in characters (Unicode scalars), counted from 1.
  public let column: Int?
  /// The place inside the row, such as `messages[2].content`.
  public let path: String?
  /// What was found, what was expected and what to do.
  public let message: String

  /// A fault with everything that is known about its place.
  public init(
    _ code: Code, _ message: String, file: String? = nil, line: Int? = nil, column: Int? = nil,
    path: String? = nil
  ) {
    self.code = code
    self.file = file
    self.line = line
    self.column = column
    self.path = path
    self.message = message
  }

  /// A fault in one row.
  public init(_ code: Code, at location: RowLocation, path: String? = nil, _ message: String) {
    self.init(code, message, file: location.file, line: location.line, path: path)
  }

  /// `file:line:column: path: message`, leaving out what is not known.
  public var description: String {
    var place = file ?? ""
    if let line { place += ":\(line)" }
    if let column { place += ":\(column)" }
    return [place, path ?? "", message].filter { !$0.isEmpty }.joined(separator: ": ")
  }
}
