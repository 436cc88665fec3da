import Foundation
import HalterBackend
import HalterFormats
import HalterOptim
import HalterTensor

/// The optimiser in the state file of a checkpoint: for each tensor
/// `optimizer/first_moment/NAME` and `optimizer/second_moment/NAME`, of its shape, in f32 or as
/// 8-bit codes, those with `optimizer/first_scales/NAME` and `optimizer/second_scales/NAME`.
struct OptimizerState {
  private static let kind = "optimizer"
  private static let step = "optimizer_step"

  private let file: HDF5Reader
  private let step: Int

  /// The state in a file, checked to be one that the optimiser can go on from.
  /// - Throws: `TrainingError` if it is of another kind or of other tensors.
  init(_ file: HDF5Reader, of optimizer: AdamW) throws {
    self.file = file
    let kind = optimizer.configuration.kind.rawValue
    // A checkpoint that does not say it is of the time when there was one optimiser.
    let found = try file.attribute(Self.kind) ?? AdamW.Kind.full.rawValue
    guard found == kind else {
      throw TrainingError(
        .badCheckpoint, "\(file.url.path) holds the state of \(found), this run has \(kind)",
        mend: "Resume with train.optimizer \(found), or start a new run")
    }
    guard let step = Int(try file.attribute(Self.step) ?? "") else {
      throw TrainingError(
        .badCheckpoint, "\(file.url.path) does not say how many steps the optimizer took")
    }
    self.step = step
    for target in optimizer.targets {
      for dataset in Self.datasets(of: target, isQuantized: optimizer.quantizes(target)) {
        let found = try file.dataset(dataset.name)
        guard found.type == dataset.type, found.shape == dataset.shape else {
          throw TrainingError(
            .badCheckpoint,
            "\(file.url.path) holds moments of another size for \(target.name): \(dataset.name) "
              + "is \(found.type?.rawValue ?? "no number") \(found.shape), expected "
              + "\(dataset.type.rawValue) \(dataset.shape)",
            mend: "Resume with the recipe that the run was started with")
        }
      }
    }
  }

  /// Puts the state into the optimiser, one tensor after another.
  func restore(_ optimizer: AdamW) throws {
    try optimizer.restore(step: step) { index in
      let target = optimizer.targets[index]
      func moment(_ which: AdamW.WhichMoment) throws -> AdamW.Moment {
        let name = Self.name(of: which, target)
        guard optimizer.quantizes(target) else {
          return .full(try file.read(name))
        }
        return .codes(try file.read(name), scales: try file.read(Self.scales(of: which, target)))
      }
      return AdamW.Moments(first: try moment(.first), second: try moment(.second))
    }
  }

  /// Writes the state of an optimiser.
  static func write(_ optimizer: AdamW, to file: HDF5Writer) throws {
    try file.setAttribute(optimizer.configuration.kind.rawValue, for: kind)
    try file.setAttribute(String(optimizer.step), for: step)
    for (index, target) in optimizer.targets.enumerated() {
      let shape = target.tensor.shape.dimensions
      // One after the other, so that no more than one copy is in memory.
      for which in AdamW.WhichMoment.allCases {
        switch optimizer.saved(which, of: index) {
        case .full(let values):
          try file.write(values, to: name(of: which, target), shape: shape)
        case .codes(let codes, let scales):
          try file.write(codes, to: name(of: which, target), shape: shape)
          try file.write(scales, to: self.scales(of: which, target), shape: [scales.count])
        }
      }
    }
  }

  private static func name(of moment: AdamW.WhichMoment, _ target: AdamW.Target) -> String {
    "optimizer/\(moment.rawValue)_moment/\(target.name)"
  }

  private static func scales(of moment: AdamW.WhichMoment, _ target: AdamW.Target) -> String {
    "optimizer/\(moment.rawValue)_scales/\(target.name)"
  }

  /// What there is to be for a tensor.
  private static func datasets(
    of target: AdamW.Target, isQuantized: Bool
  ) -> [(name: String, type: HDF5Type, shape: [Int])] {
    let (count, shape) = (target.tensor.count, target.tensor.shape.dimensions)
    return AdamW.WhichMoment.allCases.flatMap {
      moment -> [(name: String, type: HDF5Type, shape: [Int])] in
      let name = name(of: moment, target)
      guard isQuantized else { return [(name, .float32, shape)] }
      let blocks = QuantizedMoments.blocks(count)
      return [(name, .uint8, shape), (scales(of: moment, target), .float32, [blocks])]
    }
  }
}
