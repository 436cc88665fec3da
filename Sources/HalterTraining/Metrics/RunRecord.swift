/// What `metrics.jsonl` and `samples.jsonl` of a run say.
public struct RunRecord: Sendable, Equatable {
  /// The optimiser steps, in order.
  public var steps: [StepMetrics]
  /// The evaluations, in order of their steps.
  public var evaluations: [EvaluationMetrics]
  /// The answers to the fixed prompts, in order of their steps.
  public var samples: [SampleText]

  /// A record from its parts.
  public init(
    steps: [StepMetrics] = [], evaluations: [EvaluationMetrics] = [], samples: [SampleText] = []
  ) {
    self.steps = steps
    self.evaluations = evaluations
    self.samples = samples
  }
}

/// The content of `run.json`: what the run is, and how it ended once it has.
public struct RunDescription: Sendable, Equatable, Codable {
  /// What the run set out to do.
  public var header: RunHeader
  /// How it ended; nil while it runs, and for good when it was killed.
  public var summary: RunSummary?

  /// A description from its parts.
  public init(header: RunHeader, summary: RunSummary? = nil) {
    self.header = header
    self.summary = summary
  }
}
