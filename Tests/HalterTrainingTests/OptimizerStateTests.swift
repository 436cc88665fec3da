import Foundation
import HalterBackend
import HalterFormats
import HalterOptim
import HalterTensor
import HalterTraining
import Testing

/// The optimiser in a checkpoint: moments in 8 bits come back to the bit, and no optimiser takes
/// the state of another.
@Suite struct OptimizerStateTests {
  private func trace(_ recorder: Recorder, after step: Int) -> [Double] {
    recorder.steps.filter { $0.step > step }.flatMap { [$0.loss, $0.gradientNorm] }
  }

  @Test(arguments: [1, 3, 4])
  func momentsIn8BitsResumeToTheSameBits(step: Int) throws {
    func run(_ folder: URL, stopAt: Int?) throws -> (Recorder, AdamW, TinyLlama) {
      let (tiny, recorder) = (try TinyLlama(), Recorder())
      let made = tiny.trainer(
        tiny.weights, in: folder, steps: 6, observer: recorder, kind: .eightBit,
        stop: { recorder.steps.count == stopAt })
      if (try? made.store.steps().isEmpty) == false {
        try made.trainer.resume(from: made.store.newest())
      }
      _ = try made.trainer.run()
      return (recorder, made.optimizer, tiny)
    }
    let whole = try withFolder { try run($0, stopAt: nil) }
    #expect(whole.1.targets.contains { AdamW.Kind.eightBit.quantizes($0.tensor.count) })
    try withFolder { folder throws in
      _ = try run(folder, stopAt: step)
      let resumed = try run(folder, stopAt: nil)
      #expect(trace(resumed.0, after: 0) == trace(whole.0, after: step))
      for index in whole.1.targets.indices {
        #expect(
          resumed.1.targets[index].tensor.floats == whole.1.targets[index].tensor.floats)
        #expect(resumed.1.savedMoments(of: index) == whole.1.savedMoments(of: index))
      }
    }
  }

  @Test func momentsIn8BitsTrainAsWellAsThoseInF32() throws {
    let losses = try AdamW.Kind.allCases.map { kind in
      try withFolder { folder throws in
        let (tiny, recorder) = (try TinyLlama(), Recorder())
        _ = try tiny.trainer(
          tiny.weights, in: folder, steps: 30, observer: recorder, kind: kind
        ).trainer.run()
        return recorder.steps.map(\.loss)
      }
    }
    #expect(losses[0] != losses[1])
    for (full, eightBit) in zip(losses[0], losses[1]) {
      #expect(abs(full - eightBit) < 0.01 * full)
    }
    #expect(losses[1][29] < 0.7 * losses[1][0])
  }

  /// A tensor that is large enough for 8 bits, trained for no step.
  private func optimizer(_ kind: AdamW.Kind, shape: Shape = [64, 64]) -> AdamW {
    AdamW(
      [
        AdamW.Target(
          name: "point",
          tensor: Tensor(zeros: shape, on: CPUBackend(threads: 1)).requiringGradient(),
          decays: true)
      ], configuration: .init(kind: kind))
  }

  private func progress() throws -> CheckpointStore.Progress {
    try JSONDecoder().decode(
      CheckpointStore.Progress.self,
      from: Data(#"{"step": 1, "recipeFingerprint": "r", "dataFingerprint": "d"}"#.utf8))
  }

  /// What a checkpoint of one optimiser says to another.
  private func refusal(_ saved: AdamW, _ resumed: AdamW) throws -> String {
    try withFolder { folder throws in
      let run = PointRun(in: folder)
      let url = try run.store.save(run.weights, saved, progress())
      return complaint { _ = try run.store.restore(url, run.weights, resumed) }
    }
  }

  @Test func theStateOfAnotherOptimizerIsRefused() throws {
    let text = try refusal(optimizer(.full), optimizer(.eightBit))
    #expect(text.contains("state.h5 holds the state of adamw, this run has adamw_8bit"))
    #expect(text.contains("Resume with train.optimizer adamw, or start a new run"))
    #expect(
      try refusal(optimizer(.eightBit), optimizer(.full))
        .contains("holds the state of adamw_8bit, this run has adamw."))
  }

  @Test(arguments: AdamW.Kind.allCases) func theStateOfOtherShapesIsRefused(kind: AdamW.Kind) throws
  {
    #expect(try refusal(optimizer(kind), optimizer(kind)) == "")
    #expect(
      try refusal(optimizer(kind), optimizer(kind, shape: [32, 128]))
        .contains("another size for point"))
    #expect(
      try refusal(optimizer(kind), optimizer(kind, shape: [64, 65]))
        .contains("another size for point"))
  }

  @Test func theFileSaysWhatItHolds() throws {
    try withFolder { folder throws in
      let run = PointRun(in: folder)
      let url = try run.store.save(
        run.weights, optimizer(.eightBit), progress())
      let state = try HDF5Reader(url.appending(path: "state.h5"))
      #expect(try state.attribute("optimizer") == "adamw_8bit")
      #expect(
        state.datasets.map { "\($0.name) \($0.type?.rawValue ?? "") \($0.shape)" } == [
          "optimizer/first_moment/point uint8 [64, 64]",
          "optimizer/first_scales/point float32 [16]",
          "optimizer/second_moment/point uint8 [64, 64]",
          "optimizer/second_scales/point float32 [16]",
        ])
    }
  }
}
