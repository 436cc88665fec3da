import Foundation

/// A model in the cache, or one that could be.
public struct ModelEntry: Sendable, Equatable {
  /// Whether a model can be used.
  public enum State: Sendable, Equatable {
    /// Known by name, not in the cache.
    case available
    /// Complete, as far as names and sizes tell.
    case installed(URL)
    /// In the cache, but not what its manifest says; the text says why.
    case damaged(String)
  }

  /// The name or `hf:OWNER/NAME@COMMIT` reference to use in recipes and commands.
  public let name: String
  /// One line about it; empty for a repository of the Hub.
  public let summary: String
  /// SPDX identifier where it is known.
  public let licence: String?
  /// Where it comes from.
  public let source: String
  /// Bytes of its files, on disk when installed, to come when not.
  public let size: Int64
  /// Whether it can be used.
  public let state: State
}

/// The models in the cache directory.
///
/// A named model lies in `models/NAME/`, a repository of the Hub in `models/hf/OWNER/NAME/COMMIT/`
/// beside a file `refs` that says which commit each revision meant when it was pulled. A model
/// directory appears by one rename, complete and checked. Names that start with a dot are not
/// models: unfinished pulls (`.partial-…`) and lock files.
public struct ModelStore: Sendable {
  /// The cache directory.
  public let root: URL
  /// The models known by name.
  public let catalog: ModelCatalog
  let environment: [String: String]
  let policy: TransferPolicy
  let now: @Sendable () -> Date

  /// A store in a given directory, which need not exist yet.
  ///
  /// - Parameters:
  ///   - root: The cache directory.
  ///   - environment: For `PATH`, `HF_ENDPOINT`, `HF_TOKEN` and pip's own settings.
  ///   - catalog: The models known by name.
  ///   - policy: How patient downloads are.
  ///   - now: The clock for the manifest.
  public init(
    root: URL, environment: [String: String], catalog: ModelCatalog = .builtIn,
    policy: TransferPolicy = TransferPolicy(), now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.root = root
    self.environment = environment
    self.catalog = catalog
    self.policy = policy
    self.now = now
  }

  /// The store that an environment names: `HALTER_HOME`, or else `~/.cache/halter`.
  ///
  /// - Throws: `HubError` of code `malformed` when neither `HALTER_HOME` nor `HOME` is set.
  public init(environment: [String: String]) throws(HubError) {
    if let home = environment["HALTER_HOME"], !home.isEmpty {
      self.init(root: URL(fileURLWithPath: home), environment: environment)
    } else if let home = environment["HOME"], !home.isEmpty {
      let root = URL(fileURLWithPath: home).appendingPathComponent(".cache/halter")
      self.init(root: root, environment: environment)
    } else {
      throw HubError(
        .malformed, "neither HALTER_HOME nor HOME is set",
        mend: "set HALTER_HOME to a directory for models")
    }
  }

  /// The local file or directory of a model.
  ///
  /// A catalogue name gives its weights file, `hf:OWNER/NAME[@REVISION]` the model's directory, a
  /// path itself. Nothing is downloaded and, beyond names and sizes, nothing checked.
  ///
  /// - Parameters:
  ///   - reference: A name, a Hub repository or a path.
  ///   - base: What relative paths are relative to; nil for the working directory.
  /// - Returns: A file or directory that exists.
  /// - Throws: `HubError`: `unknownName` lists the known names, `notPulled` gives the command that
  ///   pulls the model, `corrupt` says what is wrong with the cached one.
  public func resolve(_ reference: String, relativeTo base: URL? = nil) throws(HubError) -> URL {
    if let model = catalog.model(named: reference) {
      let directory = directory(of: model)
      guard exists(directory) else { throw Self.notPulled(reference) }
      let manifest = try inspect(directory, name: reference)
      guard manifest.files.contains(where: { $0.path == model.file && $0.sha256 == model.sha256 })
      else {
        throw Self.damaged(reference, "\(directory.path) holds another version of it")
      }
      return directory.appendingPathComponent(model.file)
    }
    if reference.hasPrefix(HubRepository.prefix) {
      let repository = try HubRepository(parsing: reference)
      guard let commit = commit(of: repository) else { throw Self.notPulled(reference) }
      let directory = directory(of: repository, commit: commit)
      guard exists(directory) else { throw Self.notPulled(reference) }
      _ = try inspect(directory, name: reference)
      return directory
    }
    var url = URL(fileURLWithPath: reference)
    if let base, !reference.hasPrefix("/") { url = base.appendingPathComponent(reference) }
    guard !reference.isEmpty, exists(url) else { throw unknown(reference, path: url.path) }
    return url
  }

  /// The catalogue's models, then every repository of the Hub that was pulled, with their state.
  public func list() -> [ModelEntry] {
    let named = catalog.models.map { model in
      let directory = directory(of: model)
      let state = exists(directory) ? state(of: model.name) : .available
      return ModelEntry(
        name: model.name, summary: model.summary, licence: model.licence,
        source: model.source.description, size: model.size, state: state)
    }
    return named + pulledRepositories()
  }

  /// Reads every byte of a cached model and compares its checksums.
  ///
  /// - Returns: The model's manifest.
  /// - Throws: `HubError`: `corrupt` names the first file that is not what it should be, and the
  ///   errors of `resolve`.
  @discardableResult
  public func verify(
    _ name: String, progress: PullObserver = { _ in }
  ) throws(HubError) -> ModelManifest {
    var directory = try resolve(name)
    if catalog.model(named: name) != nil {
      directory.deleteLastPathComponent()
    } else if !name.hasPrefix(HubRepository.prefix) {
      throw HubError(
        .malformed, "\(name) is a path; only pulled models have checksums to verify")
    }
    let manifest = try inspect(directory, name: name)
    try compareDigests(of: manifest, in: directory, name: name, progress: progress)
    return manifest
  }

  func compareDigests(
    of manifest: ModelManifest, in directory: URL, name: String, progress: PullObserver
  ) throws(HubError) {
    var done: Int64 = 0
    for file in manifest.files {
      progress(
        PullProgress(
          phase: .verifying, file: file.path, bytesDone: done, bytesTotal: manifest.totalSize))
      let url = directory.appendingPathComponent(file.path)
      let found = try FileDigest.sha256(of: url)
      guard found == file.sha256 else {
        throw Self.damaged(
          name, "\(url.path) has SHA-256 \(found), \(file.sha256) was expected")
      }
      done += file.size
    }
  }

  /// The manifest of a cached model whose files are there and of the right size.
  func inspect(_ directory: URL, name: String) throws(HubError) -> ModelManifest {
    do throws(HubError) {
      let manifest = try ModelManifest.read(in: directory)
      for file in manifest.files {
        let url = directory.appendingPathComponent(file.path)
        guard let size = DurableFile.size(of: url) else {
          throw HubError(.corrupt, "\(url.path) is missing")
        }
        guard size == file.size else {
          throw HubError(.corrupt, "\(url.path) has \(size) bytes, \(file.size) were expected")
        }
      }
      return manifest
    } catch {
      throw Self.damaged(name, error.message)
    }
  }

  private static func damaged(_ name: String, _ message: String) -> HubError {
    HubError(
      .corrupt, "the cached model '\(name)' is damaged: \(message)",
      mend: "run 'halter model pull \(name)' to fetch it again")
  }

  private static func notPulled(_ name: String) -> HubError {
    HubError(
      .notPulled, "the model '\(name)' is not on this machine yet",
      mend: "run 'halter model pull \(name)'")
  }

  func unknown(_ reference: String, path: String?) -> HubError {
    let known = catalog.models.map(\.name).joined(separator: ", ")
    let found = path.map { ", and there is no file or directory \($0)" } ?? ""
    return HubError(
      .unknownName, "'\(reference)' is not a model name\(found)",
      mend: "known names: \(known); or give hf:OWNER/NAME, a directory or a .gguf file")
  }

  func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  private func state(of name: String) -> ModelEntry.State {
    do throws(HubError) {
      return .installed(try resolve(name))
    } catch {
      return .damaged(error.message)
    }
  }

  private func pulledRepositories() -> [ModelEntry] {
    let top = models.appendingPathComponent("hf")
    var entries: [ModelEntry] = []
    for owner in Self.names(in: top) {
      for name in Self.names(in: top.appendingPathComponent(owner)) {
        let directory = top.appendingPathComponent(owner).appendingPathComponent(name)
        for commit in Self.names(in: directory) where SafeName.isCommit(commit) {
          let reference = "\(HubRepository.prefix)\(owner)/\(name)@\(commit)"
          let manifest = try? ModelManifest.read(in: directory.appendingPathComponent(commit))
          entries.append(
            ModelEntry(
              name: reference, summary: "", licence: nil,
              source: "\(HubRepository.prefix)\(owner)/\(name)", size: manifest?.totalSize ?? 0,
              state: state(of: reference)))
        }
      }
    }
    return entries
  }

  private static func names(in directory: URL) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    return names.filter(SafeName.isComponent).sorted()
  }
}
