import Foundation
import HalterBackend
import HalterFormats
import HalterModels

/// Writes a checkpoint with random weights: a model to measure with, or to train from.
public struct RandomModelJob {
  /// Where the geometry comes from.
  public enum Geometry: Sendable, Equatable {
    /// A name of `LlamaConfiguration.knownNames`.
    case known(String)
    /// A `config.json`, or a directory that has one.
    case file(String)
  }

  private let configuration: LlamaConfiguration
  private let origin: String
  private let place: Workplace

  /// A job for a geometry.
  /// - Throws: `ModelError` if no geometry has that name, or what is wrong with the file.
  public init(_ geometry: Geometry, in place: Workplace) throws {
    self.place = place
    switch geometry {
    case .known(let name):
      guard let known = LlamaConfiguration(known: name) else {
        throw ModelError(
          path: name, "is no geometry that is known",
          mend: "Known are \(LlamaConfiguration.knownNames.joined(separator: ", ")); for another, "
            + "give its config.json")
      }
      (configuration, origin) = (known, name)
    case .file(let path):
      let url = place.url(path)
      let isDirectory = (try? url.resourceValues(forKeys: [.isDirectoryKey]))?.isDirectory == true
      let file = isDirectory ? url.appending(path: "config.json") : url
      configuration = try LlamaConfiguration(config: ConfigFile(file))
      origin = file.path
    }
  }

  /// The number of weights.
  public var weightCount: Int { configuration.tensorShapes.reduce(0) { $0 + $1.count } }

  /// Writes the checkpoint.
  /// - Parameters:
  ///   - output: the file or directory, which must not exist.
  ///   - progress: told how many weights of how many are written.
  /// - Throws: `ModelError` if the format has no place for the geometry, `FormatError` if it cannot
  ///   be written.
  public func write(
    _ format: RandomCheckpoint.Format, seed: UInt64, to output: String,
    progress: @escaping (Int, Int) -> Void
  ) throws {
    let url = place.url(output)
    if FileManager.default.fileExists(atPath: url.path) {
      throw FormatError(
        .fileExists, "exists already", mend: "Choose another --output, or delete it", path: url.path
      )
    }
    try RandomCheckpoint(
      configuration, from: origin, format: format, seed: seed, on: place.backend(threads: nil),
      progress: progress
    ).write(to: url)
  }
}
