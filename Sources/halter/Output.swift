import Foundation

/// Standard output that cannot take what a command has to say, such as a file on a full disk.
struct OutputError: Error, CustomStringConvertible {
  /// What the system said.
  let reason: String

  var description: String {
    "standard output cannot be written: \(reason). Free some space, or send it elsewhere."
  }
}

/// Writes text to stdout as it is.
func printText(_ text: String) throws(OutputError) {
  do {
    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
  } catch {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    throw OutputError(reason: (cause ?? error as NSError).localizedDescription)
  }
}

/// Writes a line to stdout.
func printLine(_ text: String) throws(OutputError) { try printText(text + "\n") }

/// Writes a value to stdout as one line of JSON.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  try printLine(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// Writes text to stderr. Nothing is lost when nobody can read it, so that work goes on.
func showText(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
