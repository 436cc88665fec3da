import Foundation
import HalterBackend
import HalterFormats
import HalterNN
import HalterOptim
import HalterTensor
import HalterTraining
import Testing

/// Checkpoints on disk: complete or not there, and never mistaken for one another.
@Suite struct CheckpointStoreTests {
  private func link(_ name: String, _ run: PointRun) throws -> String {
    try FileManager.default.destinationOfSymbolicLink(
      atPath: run.store.directory.appending(path: name).path)
  }

  @Test func aRunLeavesItsNewestCheckpointsAndTheBest() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 20)
      // Rates that rise and rise: the first evaluation after a step is the best one for long.
      run.configuration.schedule = Schedule(
        peak: 50, shape: .constant, warmupSteps: 20, totalSteps: 20)
      run.configuration.keep = 3
      try run.run()
      let evaluations = run.recorder.evaluations.dropFirst()
      let best = try #require(evaluations.min { $0.loss < $1.loss }?.step)
      #expect(best < 16)
      #expect(try run.store.steps() == [best, 16, 18, 20])
      #expect(try link("last", run) == "step-20")
      #expect(try link("best", run) == "step-\(best)")
    }
  }

  @Test func keepingOneKeepsTheLast() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 6)
      run.configuration.keep = 1
      try run.run()
      #expect(try run.store.steps() == [6])
      #expect(try link("best", run) == "step-6")
    }
  }

  @Test func checkpointsComeAtTheirOwnIntervalAndWithEachBestEvaluation() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 7)
      (run.configuration.saveEvery, run.configuration.keep) = (3, 10)
      try run.run()
      // The loss falls throughout, so each evaluation (2, 4, 6, 7) is the best so far.
      #expect(run.recorder.saved == [2, 3, 4, 6, 7])
      #expect(try link("best", run) == "step-7")
      #expect(run.recorder.evaluations.map(\.step) == [0, 2, 4, 6, 7])
    }
  }

  @Test func aCheckpointHoldsWhatItNeeds() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 2)
      try run.run()
      let names = try FileManager.default.contentsOfDirectory(
        atPath: run.store.url(step: 2).path)
      #expect(names.sorted() == ["checksums.json", "point.safetensors", "state.h5"])
    }
  }

  @Test func weightsAndMomentsComeBackToTheBit() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 3)
      try run.run()
      let other = PointRun(in: folder)
      let progress = try other.store.restore(
        try other.store.newest(), other.weights, other.optimizer)
      #expect(progress.step == 3)
      #expect(other.values == run.values)
      #expect(other.optimizer.step == 3)
      #expect(other.optimizer.savedMoments(of: 0) == run.optimizer.savedMoments(of: 0))
    }
  }

  /// A byte of any file of the newest checkpoint is changed: it is not taken, the one before is.
  @Test(arguments: ["point.safetensors", "state.h5", "checksums.json"])
  func aDamagedCheckpointIsPassedOver(name: String) throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 4)
      try run.run()
      let newest = try run.store.newest()
      #expect(newest.lastPathComponent == "step-4")
      let file = newest.appending(path: name)
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count / 2] ^= 0x55
      try bytes.write(to: file)
      #expect(try run.store.newest().lastPathComponent == "step-2")
      #expect(throws: FormatError.self) {
        _ = try run.store.restore(newest, run.weights, run.optimizer)
      }
    }
  }

  @Test(arguments: ["point.safetensors", "state.h5", "checksums.json"])
  func aCheckpointThatLacksAFileIsPassedOver(name: String) throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 4)
      try run.run()
      try FileManager.default.removeItem(at: run.store.url(step: 4).appending(path: name))
      #expect(try run.store.newest().lastPathComponent == "step-2")
    }
  }

  @Test func aDamagedCheckpointChangesNothing() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 2)
      try run.run()
      let file = run.store.url(step: 2).appending(path: "state.h5")
      try Data("no state".utf8).write(to: file)
      let other = PointRun(in: folder)
      let before = other.values
      let text = complaint {
        _ = try other.store.restore(run.store.url(step: 2), other.weights, other.optimizer)
      }
      #expect(text.contains("state.h5"))
      #expect(text.contains("use another checkpoint"))
      #expect(other.values == before)
    }
  }

  @Test func withoutAnyCheckpointThereIsNothingToResume() throws {
    try withFolder { folder throws in
      let text = complaint { _ = try CheckpointStore(run: folder).newest() }
      #expect(text.contains("no complete checkpoint"))
      #expect(text.contains("without --resume"))
      #expect(text.contains(folder.path))
    }
  }

  @Test func whatIsNoCheckpointIsIgnored() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 2)
      try run.run()
      for name in ["step-x", ".step-9.partial-1-1", "step-99"] {
        try FileManager.default.createDirectory(
          at: run.store.directory.appending(path: name), withIntermediateDirectories: true)
      }
      #expect(try run.store.newest().lastPathComponent == "step-2")
    }
  }

  @Test func momentsOfAnotherSizeAreRefused() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder, steps: 1)
      try run.run()
      let other = PointRun(in: folder)
      let wide = AdamW(
        [
          AdamW.Target(
            name: "point", tensor: Tensor(zeros: [2, 3], on: run.point.value.backend),
            decays: true)
        ], configuration: AdamW.Configuration())
      let text = complaint {
        _ = try other.store.restore(run.store.url(step: 1), other.weights, wide)
      }
      #expect(text.contains("another size for point"))
    }
  }
}
