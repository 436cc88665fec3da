import Foundation

extension ModelStore {
  /// Where all models lie.
  var models: URL { root.appendingPathComponent("models", isDirectory: true) }

  /// The directory of a named model.
  func directory(of model: CatalogModel) -> URL {
    models.appendingPathComponent(model.name, isDirectory: true)
  }

  /// The directory of all commits of a repository.
  func directory(of repository: HubRepository) -> URL {
    models.appendingPathComponent("hf").appendingPathComponent(repository.owner)
      .appendingPathComponent(repository.name, isDirectory: true)
  }

  /// The directory of one commit of a repository.
  func directory(of repository: HubRepository, commit: String) -> URL {
    directory(of: repository).appendingPathComponent(commit, isDirectory: true)
  }

  /// The unfinished twin of a model's directory, beside it.
  static func partial(of directory: URL) -> URL {
    directory.deletingLastPathComponent()
      .appendingPathComponent(".partial-\(directory.lastPathComponent)", isDirectory: true)
  }

  /// The lock of a model's directory, beside it.
  static func lock(of directory: URL) -> URL {
    directory.deletingLastPathComponent()
      .appendingPathComponent(".lock-\(directory.lastPathComponent)")
  }

  /// The commit that a repository's revision meant when it was last pulled; nil if it never was.
  func commit(of repository: HubRepository) -> String? {
    if SafeName.isCommit(repository.revision) { return repository.revision }
    return references(of: repository)[repository.revision]
  }

  /// Notes which commit a repository's revision means now.
  func remember(_ commit: String, for repository: HubRepository) throws(HubError) {
    if SafeName.isCommit(repository.revision) { return }
    var references = references(of: repository)
    if references[repository.revision] == commit { return }
    references[repository.revision] = commit
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      let data = try encoder.encode(references)
      try DurableFile.replace(referencesFile(of: repository), with: data + Data("\n".utf8))
    } catch let error as HubError {
      throw error
    } catch {
      throw HubError(.io, "cannot encode the references of \(repository): \(error)")
    }
  }

  private func referencesFile(of repository: HubRepository) -> URL {
    directory(of: repository).appendingPathComponent("refs")
  }

  /// Revision names and their commits; empty when nothing was pulled or the file is not readable
  /// as such, in which case a pull writes it anew.
  private func references(of repository: HubRepository) -> [String: String] {
    let url = referencesFile(of: repository)
    guard let data = try? Data(contentsOf: url),
      let found = try? JSONDecoder().decode([String: String].self, from: data)
    else { return [:] }
    return found.filter { SafeName.isRevision($0.key) && SafeName.isCommit($0.value) }
  }
}
