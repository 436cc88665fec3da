import HalterAdapters
import HalterBackend
import HalterData
import HalterModels
import HalterTraining

/// The memory of a recipe's run: what it takes, whether that fits, and what would help.
struct RunMemory {
  /// The memory by parts, as the run is going to be.
  let plan: MemoryPlan
  /// Whether blocks are computed again in the backward pass.
  let recomputes: Bool
  /// Whether it fits.
  let check: MemoryCheck
  /// What would make it smaller.
  let advice: [MemoryAdvice]
  /// What `train.recompute: auto` has decided, and why; nil where the recipe decides.
  let note: String?
  /// The parameters that the optimiser changes.
  let trainedCount: Int

  /// A change of the recipe, and the run that it makes.
  struct Change {
    /// What is changed; of several changes of one kind, one is made.
    let kind: String
    /// The change as overrides of the recipe.
    let text: String
    /// Nil where there is nothing to change.
    let apply: (MemoryPlan.Shape) -> MemoryPlan.Shape?
  }

  /// The memory of a run.
  /// - Parameters:
  ///   - shape: the run; whether it recomputes is decided here.
  ///   - recompute: what the recipe says.
  ///   - changes: what else could be changed, the least harmful first.
  ///   - available: bytes that the process can still take.
  init(
    _ shape: MemoryPlan.Shape, recompute: TrainRecipe.Recompute, changes: [Change], available: Int
  ) {
    var shape = shape
    func check(_ plan: MemoryPlan) -> MemoryCheck {
      MemoryCheck(needed: plan.neededBytes, available: available)
    }
    shape.recomputes = recompute == .blocks
    if recompute == .auto {
      let needed = MemoryPlan(shape).neededBytes
      shape.recomputes = check(MemoryPlan(shape)).verdict != .fits
      note =
        "recompute: \(shape.recomputes ? "blocks" : "none"), as the run needs "
        + "\(Quantities.bytes(needed)) without, and \(Quantities.bytes(available)) are available"
    } else {
      note = nil
    }
    plan = MemoryPlan(shape)
    trainedCount = shape.trainedCount
    recomputes = shape.recomputes
    self.check = check(plan)
    advice = Self.advice(shape, changes, available: available)
  }

  /// Each change that makes the run fit; if none does alone, as many together as it takes; nothing
  /// for a run that fits.
  private static func advice(
    _ shape: MemoryPlan.Shape, _ changes: [Change], available: Int
  ) -> [MemoryAdvice] {
    func fits(_ plan: MemoryPlan) -> Bool {
      MemoryCheck(needed: plan.neededBytes, available: available).verdict == .fits
    }
    if fits(MemoryPlan(shape)) { return [] }
    let singles = changes.compactMap { change in
      change.apply(shape).map { (change: change, plan: MemoryPlan($0)) }
    }
    var kinds: Set<String> = []
    let enough = singles.filter { fits($0.plan) && kinds.insert($0.change.kind).inserted }
    if !enough.isEmpty {
      return enough.map { MemoryAdvice(change: $0.change.text, peakBytes: $0.plan.peakBytes) }
    }
    var (smaller, made) = (shape, [Change]())
    for change in changes {
      guard let next = change.apply(smaller),
        MemoryPlan(next).peakBytes < MemoryPlan(smaller).peakBytes
      else { continue }
      smaller = next
      made = made.filter { $0.kind != change.kind } + [change]
      if fits(MemoryPlan(smaller)) {
        let text = made.map(\.text).joined(separator: " ")
        return [MemoryAdvice(change: text, peakBytes: MemoryPlan(smaller).peakBytes)]
      }
    }
    return []
  }
}
