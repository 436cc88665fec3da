import Foundation
import Testing

/// A file system of a few megabytes, for as long as its owner lives.
final class SmallDisk {
  private let place: URL

  /// Mounts a file system on a folder; nil where that is not allowed.
  init?(_ place: URL, size: String) {
    self.place = place
    guard geteuid() == 0, (try? Self.make(place)) != nil,
      Self.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(size)", "tmpfs", place.path)
    else { return nil }
  }

  deinit { _ = Self.run("/bin/umount", "-l", place.path) }

  /// Gives the file system another size.
  func resize(to size: String) -> Bool {
    Self.run("/bin/mount", "-o", "remount,size=\(size)", place.path)
  }

  private static func make(_ place: URL) throws {
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
  }

  private static func run(_ program: String, _ arguments: String...) -> Bool {
    let folder = FileManager.default.temporaryDirectory
    guard FileManager.default.isExecutableFile(atPath: program),
      let run = try? CommandRun(arguments, of: program, in: folder, environment: [:])
    else { return false }
    return run.wait().code == 0
  }
}

/// Disks that are full: an error that says so, nothing half written, nothing lost.
@Suite struct FullDiskTests {
  private let work: Workshop

  init() throws { work = try Workshop() }

  private func leftovers(_ path: String) -> [String] {
    let names = try? FileManager.default.subpathsOfDirectory(atPath: work.url(path).path)
    return (names ?? []).filter { $0.contains(".partial") }
  }

  @Test func aRunThatCannotSaveSaysSoAndLeavesNothingHalfWritten() throws {
    guard let disk = SmallDisk(work.url("disk"), size: "1m") else { return }
    defer { withExtendedLifetime(disk) {} }
    let result = try work.halter("run", "tiny.yaml", "output=disk/run", "--quiet")
    #expect(result.code == 73, "\(result.err)")
    #expect(result.err.contains("disk/run"))
    #expect(result.err.contains("full"))
    #expect(result.err.contains("halter: "))
    #expect(leftovers("disk").isEmpty)
    #expect(!work.names("disk/run/checkpoints").contains { $0.hasPrefix("step-") })
    #expect(try Metrics.losses(work, "disk/run", event: "step").count >= 1)
  }

  @Test func aRunOnADiskThatFillsUpIsResumedOnceThereIsRoom() throws {
    guard let disk = SmallDisk(work.url("disk"), size: "4m") else { return }
    let steps = ["train.steps=6", "eval.every=1", "save.keep=4"]
    let result = try CommandRun(
      ["run", "tiny.yaml", "output=disk/run", "--quiet"] + steps, in: work.folder,
      environment: work.environment
    ).wait()
    #expect(result.code == 73, "\(result.err)")
    let saved = work.names("disk/run/checkpoints").filter { $0.hasPrefix("step-") }
    #expect(!saved.isEmpty)
    #expect(leftovers("disk").isEmpty)

    try #require(disk.resize(to: "40m"))
    let resumed = try CommandRun(
      ["run", "tiny.yaml", "--resume", "disk/run", "--quiet"] + steps, in: work.folder,
      environment: work.environment
    ).wait()
    #expect(resumed.code == 0, "\(resumed.err)")
    let whole = try CommandRun(
      ["run", "tiny.yaml", "output=whole", "--quiet"] + steps, in: work.folder,
      environment: work.environment
    ).wait()
    #expect(whole.code == 0, "\(whole.err)")
    #expect(
      try work.bytes("disk/run/final/model.safetensors")
        == work.bytes("whole/final/model.safetensors"))
    #expect(try Metrics.essence(work, "disk/run") == Metrics.essence(work, "whole"))
  }

  @Test func anExportThatDoesNotFitLeavesNothing() throws {
    guard let disk = SmallDisk(work.url("disk"), size: "256k") else { return }
    defer { withExtendedLifetime(disk) {} }
    try work.addRun()
    let result = try work.halter("export", "run", "--merge", "--output", "disk/merged")
    #expect(result.code == 73, "\(result.err)")
    #expect(result.err.contains("disk/merged"))
    #expect(result.err.contains("full"))
    #expect(work.names("disk").isEmpty)
  }
}
