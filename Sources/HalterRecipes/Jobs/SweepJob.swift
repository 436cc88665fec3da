import Foundation
import HalterData
import HalterFormats
import HalterTraining

/// Runs a recipe with every combination of some values, one after the other, into one directory.
public struct SweepJob {
  /// A run of the sweep, before it is run.
  public struct PlannedRun: Sendable {
    /// Its directory in that of the sweep.
    public let name: String
    /// What it has that others have not.
    public let settings: [SweepEntry.Setting]
    let overrides: [RecipeOverride]
    /// The hash of its recipe without the output.
    let recipe: String
  }

  /// What came of a sweep.
  public struct Outcome: Sendable {
    /// The runs that have ended, those of an earlier sitting included.
    public let entries: [SweepEntry]
    /// Where everything is.
    public let directory: URL
    /// Whether the sweep was asked to stop before its end.
    public let isInterrupted: Bool
  }

  /// The runs, in order.
  public let runs: [PlannedRun]
  private let path: String
  private let text: String
  private let file: URL
  private let place: Workplace

  /// A sweep, with every combination checked.
  ///
  /// - Parameters:
  ///   - path: the recipe file.
  ///   - arguments: overrides `key.path=value,value…`; one with a single value holds for all.
  ///   - place: where relative paths begin.
  /// - Throws: `RecipeErrors` with every fault of the arguments, the recipe and all combinations;
  ///   what keeps an adapter to start from from being read.
  public init(recipe path: String, arguments: [String], in place: Workplace) throws {
    self.path = path
    self.place = place
    file = place.url(path).standardizedFileURL
    text = try RecipeText.read(file, name: path)
    let grid = SweepGrid(arguments)
    var issues = grid.issues
    var runs: [PlannedRun] = []
    var names: [String: String] = [:]
    for combination in grid.combinations {
      do throws(RecipeErrors) {
        let loaded = try Self.load(text, path, file, combination.overrides, place)
        try loaded.checkFiles()
        let hash = loaded.hashWithoutOutput
        if let twin = names[hash] {
          issues.append(
            RecipeIssue(
              "\(twin) and \(combination.name) are the same run: keep one of them", at: nil))
        }
        names[hash] = combination.name
        runs.append(
          PlannedRun(
            name: combination.name,
            settings: combination.settings.map { SweepEntry.Setting(key: $0.key, value: $0.value) },
            overrides: combination.overrides, recipe: hash))
      } catch {
        issues += error.issues
      }
    }
    // Many combinations have the same fault.
    var told: Set<String> = []
    issues = issues.filter { told.insert($0.description).inserted }
    guard issues.isEmpty else { throw RecipeErrors(issues) }
    self.runs = runs
    for run in runs { _ = try job(run, output: nil) }
  }

  /// The directory that is made where the user names none.
  public var usualOutput: URL {
    place.url("runs/\(file.deletingPathExtension().lastPathComponent)-sweep")
  }

  /// Runs what has not finished yet.
  ///
  /// - Parameters:
  ///   - output: the directory that is wished for; a number is added if it exists.
  ///   - resuming: the directory of a sweep to go on with instead.
  ///   - console: shows the runs.
  ///   - shouldStop: asked after each step; true saves and ends the sweep.
  /// - Throws: what no other combination could mend, as a full disk. A combination that cannot be
  ///   trained is an entry of the outcome.
  public func run(
    output: URL, resuming: URL?, console: SweepConsole, shouldStop: @escaping () -> Bool
  ) throws -> Outcome {
    var entries = try resuming.map(earlier) ?? []
    let directory = try resuming ?? RunDirectory(creating: output).url
    try AtomicDirectory.removeLeftovers(in: directory)
    try SweepLog.write(sorted(entries), title: path, to: directory)
    for (index, run) in runs.enumerated() {
      let known = entries.firstIndex { $0.settings == run.settings }
      if let known, entries[known].ending == .finished { continue }
      if shouldStop() {
        return Outcome(entries: sorted(entries), directory: directory, isInterrupted: true)
      }
      console.begin(run.name, number: index + 1, of: runs.count)
      guard
        let entry = try self.entry(run, in: directory, console: console, shouldStop: shouldStop)
      else { return Outcome(entries: sorted(entries), directory: directory, isInterrupted: true) }
      if let known { entries[known] = entry } else { entries.append(entry) }
      try SweepLog.write(sorted(entries), title: path, to: directory)
      console.end(entry)
    }
    return Outcome(entries: sorted(entries), directory: directory, isInterrupted: false)
  }

  /// Runs or resumes one combination; nil if it was interrupted.
  private func entry(
    _ run: PlannedRun, in directory: URL, console: SweepConsole, shouldStop: @escaping () -> Bool
  ) throws -> SweepEntry? {
    let existing = Self.unfinished(run, in: directory)
    let target = existing ?? directory.appending(path: run.name)
    do {
      let summary = try job(run, output: target).run(
        resuming: existing, observer: console, shouldStop: shouldStop)
      guard summary.ending == .finished else { return nil }
      return SweepEntry(
        run: summary.directory.lastPathComponent, settings: run.settings,
        record: try MetricsLog.read(directory: summary.directory), recipe: run.recipe)
    } catch let error where Self.isOfThisRunOnly(error) {
      return SweepEntry(
        run: target.lastPathComponent, settings: run.settings,
        record: try MetricsLog.read(directory: target), reason: "\(error)", recipe: run.recipe)
    }
  }

  /// Whether other combinations may well do what this one could not.
  private static func isOfThisRunOnly(_ error: any Error) -> Bool {
    switch error {
    case is TrainingError: true
    case let error as DataError: [.tooLong, .untrainable].contains(error.code)
    default: false
    }
  }

  /// The directory of a run that was begun and has a whole checkpoint.
  private static func unfinished(_ run: PlannedRun, in directory: URL) -> URL? {
    var found: URL?
    for number in 1... {
      let name = number == 1 ? run.name : "\(run.name)-\(number)"
      let url = directory.appending(path: name)
      guard FileManager.default.fileExists(atPath: url.path) else { break }
      if (try? CheckpointStore(run: url).newest()) != nil { found = url }
    }
    return found
  }

  /// The entries of the sweep to go on with, if they are of this one.
  private func earlier(_ directory: URL) throws -> [SweepEntry] {
    let entries = try SweepLog.read(directory)
    for entry in entries {
      let planned = runs.first { $0.settings == entry.settings }
      let isOfThis =
        planned.map { $0.recipe == entry.recipe }
        ?? (entry.settings.map(\.key) == runs.first?.settings.map(\.key))
      guard isOfThis else {
        throw TrainingError(
          .impossible, "the run \(entry.run) in \(directory.path) was made by another recipe",
          mend: "Resume with the recipe and the keys of that sweep, or start a new one")
      }
    }
    return entries
  }

  /// The entries in the order of the sweep; those of values that are no longer in it come last.
  private func sorted(_ entries: [SweepEntry]) -> [SweepEntry] {
    let planned = runs.compactMap { run in entries.first { $0.settings == run.settings } }
    return planned
      + entries.filter { entry in !runs.contains { $0.settings == entry.settings } }
  }

  /// The training of one combination, into `output` if it is given.
  private func job(_ run: PlannedRun, output: URL?) throws -> TrainJob {
    var overrides = run.overrides
    if let output {
      overrides.append(try RecipeOverride("output=\(output.path)", index: overrides.count))
    }
    return try TrainJob(Self.load(text, path, file, overrides, place), in: place)
  }

  private static func load(
    _ text: String, _ name: String, _ file: URL, _ overrides: [RecipeOverride], _ place: Workplace
  ) throws(RecipeErrors) -> LoadedRecipe {
    try RecipeLoader.load(
      text: text, name: name, file: file, overrides: overrides,
      workingDirectory: place.folder.path)
  }
}

extension LoadedRecipe {
  /// The hash of the recipe, wherever its run goes.
  fileprivate var hashWithoutOutput: String {
    var copy = self
    copy.recipe.output = RecipePath(text: "", absolute: "")
    return copy.contentHash
  }
}
