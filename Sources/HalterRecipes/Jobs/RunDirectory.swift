import Foundation
import HalterFormats

/// The directory of a run: made new for each, never overwritten.
struct RunDirectory {
  let url: URL

  var recipe: URL { url.appending(path: "recipe.yaml") }
  var result: URL { url.appending(path: "final") }

  /// An existing run directory.
  init(existing url: URL) throws {
    guard FileManager.default.fileExists(atPath: url.appending(path: "recipe.yaml").path) else {
      throw FormatError(
        .notFound, "is not a run directory (it holds no recipe.yaml)",
        mend: "Give the directory that `halter run` printed, such as runs/sft-lora",
        path: url.path)
    }
    self.url = url
  }

  /// Makes the directory that is wished for, or where it exists the next free `NAME-2`, `NAME-3` …
  init(creating wish: URL) throws {
    let parent = wish.deletingLastPathComponent()
    try AtomicDirectory.makeDirectory(parent)
    for number in 1...9999 {
      let name = number == 1 ? wish.lastPathComponent : "\(wish.lastPathComponent)-\(number)"
      let candidate = parent.appending(path: name)
      do {
        // Fails where something of that name exists, so two runs never share a directory.
        try FileManager.default.createDirectory(at: candidate, withIntermediateDirectories: false)
        url = candidate
        return
      } catch CocoaError.fileWriteFileExists {
        continue
      } catch {
        throw AtomicDirectory.cannotCreate(candidate, error)
      }
    }
    throw FormatError(
      .fileExists, "and its numbered successors all exist", mend: "Choose another `output`",
      path: wish.path)
  }
}
