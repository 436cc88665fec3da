import Foundation
import HalterBackend
import HalterData
import HalterFormats
import HalterNN
import HalterOptim
import HalterTensor
import HalterTraining

/// The smallest thing that the loop can train: a point that is drawn towards the rows of a table,
/// by the sum of squared distances. Its gradient is known by heart: 2 · Σ (point − row).
final class PointMethod: Method {
  let point: Parameter
  let rows: [[Float]]
  let held: [[Float]]
  var dataFingerprint = "points"
  /// Poisons the loss of the n-th training batch (counted from 0 over the life of the method).
  var poisons: (Int) -> Bool = { _ in false }
  /// Seeds of all training batches so far.
  private(set) var seeds: [UInt64?] = []
  /// Rows of all training batches so far.
  private(set) var drawn: [[Int]] = []

  init(_ point: Parameter, rows: [[Float]], held: [[Float]] = []) {
    self.point = point
    self.rows = rows
    self.held = held
  }

  var name: String { "points" }
  var trainLengths: [Int] { rows.map { _ in 1 } }
  var validationLengths: [Int] { held.map { _ in 1 } }

  func weight(of rows: [Int], in split: Split) -> Double { Double(rows.count) }

  func loss(of rows: [Int], in split: Split, scale: Double, dropoutSeed: UInt64?) -> BatchLoss {
    let backend = point.value.backend
    let table = split == .train ? self.rows : held
    let width = point.count
    let targets = rows.flatMap { table[$0] }.map { -$0 }
    var spread = point.value.gatherRows(
      Tensor([Int32](repeating: 0, count: rows.count), shape: [rows.count], on: backend))
    if let dropoutSeed { spread = spread.dropout(probability: 0.25, seed: dropoutSeed) }
    let distance = spread + Tensor(targets, shape: [rows.count, width], on: backend)
    let ones = Tensor(filled: 1, shape: [1, rows.count * width], on: backend)
    let flat = (distance * distance).reshaped(to: [1, rows.count * width])
    var sum = flat.linear(ones)
    if split == .train {
      if poisons(drawn.count) { sum = sum * Float.nan }
      seeds.append(dropoutSeed)
      drawn.append(rows)
    }
    return BatchLoss(
      loss: sum * Float(scale), sum: Double(sum.scalar), tokens: rows.count,
      trainedTokens: rows.count)
  }
}

/// The point on disk.
struct PointWeights: TrainedWeights {
  let point: Parameter

  var parameters: [NamedParameter] { [NamedParameter("point", point)] }
  var summary: String? { nil }

  func write(to directory: URL) throws {
    try SafetensorsWriter.write(
      [TensorSource("point", shape: point.value.shape.dimensions, floats: point.value.floats)],
      metadata: [:], to: directory.appending(path: "point.safetensors"))
  }

  func restore(from directory: URL) throws {
    let file = try SafetensorsFile(directory.appending(path: "point.safetensors"))
    point.assign(try file.floats(of: file.require("point")))
  }
}

/// Keeps what it sees; throws where it is told to.
final class Recorder: RunObserver {
  struct Refusal: Error {}

  private(set) var events: [RunEvent] = []
  var refuses: (RunEvent) -> Bool = { _ in false }

  func observe(_ event: RunEvent) throws {
    events.append(event)
    if refuses(event) { throw Refusal() }
  }

  var steps: [StepMetrics] { events.compactMap { if case .stepped(let m) = $0 { m } else { nil } } }
  var evaluations: [EvaluationMetrics] {
    events.compactMap { if case .evaluated(let m) = $0 { m } else { nil } }
  }
  var samples: [SampleText] {
    events.compactMap { if case .sampled(let s) = $0 { s } else { nil } }
  }
  var saved: [Int] { events.compactMap { if case .saved(_, let step) = $0 { step } else { nil } } }
  var warnings: [String] { events.compactMap { if case .warning(let w) = $0 { w } else { nil } } }
}

/// A run of points: everything a test may want to turn, with values that train.
final class PointRun {
  let folder: URL
  let point: Parameter
  let method: PointMethod
  let optimizer: AdamW
  let recorder = Recorder()
  var configuration: TrainerConfiguration
  var accumulate = 1
  var rowsInBatch = 2
  var stop: () -> Bool = { false }

  static let rows: [[Float]] = (0..<8).map { row in (0..<3).map { Float(row * 3 + $0) / 10 } }

  init(
    in folder: URL, steps: Int = 6, rows: [[Float]] = PointRun.rows,
    held: [[Float]] = [[0.5, 0.6, 0.7], [1, 1, 1]]
  ) {
    self.folder = folder
    let backend = CPUBackend(threads: 1)
    point = Parameter(
      Tensor([4, -3, 2] as [Float], shape: [1, 3], on: backend), trainable: true)
    method = PointMethod(point, rows: rows, held: held)
    optimizer = AdamW(
      [AdamW.Target(name: "point", tensor: point.value, decays: true)],
      configuration: AdamW.Configuration())
    configuration = TrainerConfiguration(
      schedule: Schedule(peak: 0.1, shape: .constant, warmupSteps: 0, totalSteps: steps),
      clip: nil, evaluateEvery: 2, saveEvery: nil, keep: 2, seed: 7, dropsOut: false,
      recipeFingerprint: "recipe")
  }

  var store: CheckpointStore { CheckpointStore(run: folder) }
  var values: [Float] { point.value.floats }
  var weights: PointWeights { PointWeights(point: point) }

  func trainer() -> Trainer {
    Trainer(
      method: method, weights: weights, optimizer: optimizer,
      planner: BatchPlanner(
        lengths: method.trainLengths, budget: .rows(rowsInBatch), accumulate: accumulate,
        seed: configuration.seed),
      configuration: configuration, store: store,
      sample: { [SampleText(step: 0, prompt: "where", text: "\(self.values[0])", stopped: true)] },
      observers: [recorder], shouldStop: { self.stop() })
  }

  @discardableResult
  func run() throws -> RunSummary.Ending { try trainer().run().ending }

  /// Goes on from a checkpoint, the newest by default.
  @discardableResult
  func resume(from url: URL? = nil) throws -> RunSummary.Ending {
    let trainer = trainer()
    try trainer.resume(from: try url ?? store.newest())
    return try trainer.run().ending
  }
}

/// Calls a test with a directory that goes away afterwards.
func withFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let url = FileManager.default.temporaryDirectory
    .appending(path: "halter-training-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

/// The error that a call throws, in words; empty if it throws none.
func complaint(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}
