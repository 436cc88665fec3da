import Foundation
import HalterFormats

/// The names of the files in a run directory that tell what happened, and `run.json`.
public enum RunFiles {
  /// The recipe as it was resolved.
  public static let recipe = "recipe.yaml"
  /// What the run is and how it ended.
  public static let description = "run.json"
  /// A line per step and per evaluation.
  public static let metrics = "metrics.jsonl"
  /// A line per answer to a fixed prompt.
  public static let samples = "samples.jsonl"
  /// The report.
  public static let report = "report.html"

  /// Reads `run.json` of a run.
  /// - Returns: nil if there is none, as in a run that was killed while it loaded.
  /// - Throws: `FormatError` if it is there and cannot be read.
  public static func description(of directory: URL) throws(FormatError) -> RunDescription? {
    let url = directory.appendingPathComponent(description)
    guard let data = try contents(of: url) else { return nil }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    do {
      return try decoder.decode(RunDescription.self, from: data)
    } catch {
      throw FormatError(
        .malformed, "this does not describe a run: \(reason(error))",
        mend: "Restore the file, or remove it to do without", path: url.path)
    }
  }

  /// Writes `run.json` of a run.
  static func write(_ run: RunDescription, to directory: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var data = try encoder.encode(run)
    data.append(0x0A)
    try AtomicWrite.write(data, to: directory.appendingPathComponent(description))
  }

  /// The bytes of a file, nil if there is no such file.
  static func contents(of url: URL) throws(FormatError) -> Data? {
    do {
      return try Data(contentsOf: url)
    } catch {
      if (error as? CocoaError)?.code == .fileReadNoSuchFile { return nil }
      throw FormatError(.io, "cannot read: \(reason(error))", path: url.path)
    }
  }

  /// What went wrong in a few words.
  static func reason(_ error: any Error) -> String {
    if let error = error as? DecodingError {
      switch error {
      case .keyNotFound(let key, _): return "'\(key.stringValue)' is missing"
      case .typeMismatch(_, let context), .valueNotFound(_, let context):
        let place = context.codingPath.map(\.stringValue).joined(separator: ".")
        return "'\(place)' has a value of another kind than expected"
      default: return "it is not valid JSON"
      }
    }
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    return (underlying ?? error as NSError).localizedDescription
  }
}
