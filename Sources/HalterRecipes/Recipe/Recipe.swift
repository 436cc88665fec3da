/// How a recipe trains.
public enum Method: String, RecipeChoice, CaseIterable, Sendable {
  /// Supervised fine-tuning: the loss of the answers in the data.
  case sft
  /// Continued pre-training: the loss of every token of plain text.
  case pretrain
  /// Reward modelling: scores that put better answers above worse ones.
  case reward
}

extension Method {
  /// What the method does, in one sentence.
  public var meaning: String {
    switch self {
    case .sft: "Supervised fine-tuning: learns the answers of conversations."
    case .pretrain: "Continued pre-training: learns every token of plain text."
    case .reward: "Reward modelling: learns to score better answers above worse ones."
    }
  }

  /// The methods that train a model of language, which writes.
  static let writing: [Method] = [.sft, .pretrain]
}

/// What to train, on what, and how: a whole recipe with every default filled in.
public struct Recipe: RecipeSection, Sendable, Equatable {
  /// How to train.
  public internal(set) var method = Method.sft
  /// What to start from.
  public internal(set) var model = ModelRecipe()
  /// The name of a chat template; `nil` for the checkpoint's own.
  public internal(set) var template: String?
  /// The adapter to train; `nil` trains every weight.
  public internal(set) var adapter: AdapterRecipe?
  /// What to train on.
  public internal(set) var data = DataRecipe()
  /// What is asked of the scores of a reward model.
  public internal(set) var reward = RewardRecipe()
  /// The optimisation.
  public internal(set) var train = TrainRecipe()
  /// Evaluation while training.
  public internal(set) var eval = EvalRecipe()
  /// Checkpoints.
  public internal(set) var save = SaveRecipe()
  /// The run directory that is wished for; a number is added if it exists.
  public internal(set) var output = RecipePath(text: "", absolute: "")
}

/// The model of a recipe.
public struct ModelRecipe: RecipeSection, Sendable, Equatable {
  /// How the weights begin.
  public enum Initialization: String, RecipeChoice, CaseIterable, Sendable {
    /// With the weights of the checkpoint.
    case pretrained
    /// With random weights of the checkpoint's geometry.
    case random
  }

  /// Where the model is.
  public internal(set) var base = ModelReference.name("")
  /// The revision of a model on a hub; `nil` for the newest.
  public internal(set) var revision: String?
  /// How the weights begin.
  public internal(set) var initialization = Initialization.pretrained
  /// What the frozen matrices become while they are loaded; `nil` for the format of the file.
  public internal(set) var quantize: QuantizeRecipe?
}

/// The quantisation of a recipe's frozen model.
public struct QuantizeRecipe: RecipeSection, Sendable, Equatable {
  /// What weights become.
  public enum Kind: String, RecipeChoice, CaseIterable, Sendable {
    /// 4-bit codes at the quantiles of a normal distribution.
    case nf4
    /// 4-bit floating-point codes.
    case fp4
    /// 8-bit integers with a scale for each row.
    case int8
  }

  /// What weights become.
  public internal(set) var kind = Kind.nf4
  /// Whether the scales of 4-bit blocks are quantised too; `nil` for the usual.
  public internal(set) var isDouble: Bool?
  /// The weights of a 4-bit block; `nil` for the usual.
  public internal(set) var block: Int?
}

/// The adapter of a recipe.
public struct AdapterRecipe: RecipeSection, Sendable, Equatable {
  /// The family of the adapter.
  public enum Kind: String, RecipeChoice, CaseIterable, Sendable {
    /// Low-rank matrices beside the frozen ones.
    case lora
  }

  /// The family of the adapter.
  public internal(set) var kind = Kind.lora
  /// The rank of the low-rank product.
  public internal(set) var rank = 16
  /// The product is scaled by alpha / rank, or alpha / √rank with `rslora`.
  public internal(set) var alpha: Double = 0
  /// The share of inputs that are dropped while training.
  public internal(set) var dropout = 0.0
  /// The matrices that get an adapter.
  public internal(set) var targets = AdapterTargets.allLinear
  /// The blocks that get adapters; `nil` for all.
  public internal(set) var layers: LayerSelection?
  /// Scale by alpha / √rank.
  public internal(set) var rslora = false
  /// Train the magnitudes of the rows apart from their directions.
  public internal(set) var dora = false
  /// How the adapter begins.
  public internal(set) var initialization = AdapterInitialization.identity
}

/// The optimisation of a recipe.
public struct TrainRecipe: RecipeSection, Sendable, Equatable {
  /// The precision of the large products.
  public enum Compute: String, RecipeChoice, CaseIterable, Sendable {
    /// What the CPU is fastest in.
    case auto
    /// Single precision.
    case f32
    /// Factors rounded to bf16, sums in single precision.
    case bf16
  }

  /// What is computed again in the backward pass to save memory.
  public enum Recompute: String, RecipeChoice, CaseIterable, Sendable {
    /// Nothing.
    case none
    /// Each transformer block.
    case blocks
    /// Each transformer block, if the run does not fit in the memory that is available otherwise.
    case auto
  }

  /// Passes over the data, if training is measured so.
  public internal(set) var epochs: Double?
  /// Optimiser steps, if training is measured so.
  public internal(set) var steps: Int?
  /// The most tokens in a batch, if batches are measured so.
  public internal(set) var batchTokens: Int?
  /// The rows in a batch, if batches are measured so.
  public internal(set) var batchSize: Int?
  /// Batches per optimiser step.
  public internal(set) var accumulate = 1
  /// The highest learning rate.
  public internal(set) var learningRate = 2e-4
  /// The learning rate of B as a multiple of that of A; `nil` for the same.
  public internal(set) var loraPlusRatio: Double?
  /// How the learning rate falls.
  public internal(set) var schedule = ScheduleRecipe()
  /// How it rises before.
  public internal(set) var warmup = Warmup.share(0.05)
  /// What turns gradients into steps.
  public internal(set) var optimizer = OptimizerRecipe()
  /// Decoupled weight decay.
  public internal(set) var weightDecay = 0.0
  /// The decay of the running means of the gradient and of its square.
  public internal(set) var betas = Betas(first: 0.9, second: 0.999)
  /// What keeps AdamW from dividing by zero.
  public internal(set) var epsilon = 1e-8
  /// The largest norm of the whole gradient; `nil` for no clipping.
  public internal(set) var clip: Double? = 1.0
  /// The seed of everything random.
  public internal(set) var seed = 42
  /// The precision of the large products.
  public internal(set) var compute = Compute.auto
  /// What is computed again in the backward pass.
  public internal(set) var recompute = Recompute.none
  /// The threads to compute with; `nil` for one per core.
  public internal(set) var threads: Int?
}

/// The optimiser of a recipe.
public struct OptimizerRecipe: RecipeSection, Sendable, Equatable {
  /// What turns gradients into steps.
  public enum Kind: String, RecipeChoice, CaseIterable, Sendable {
    /// AdamW with moments in f32.
    case adamw
    /// AdamW with moments in 8 bits.
    case adamw8bit = "adamw_8bit"

    static let elsewhere = [
      "adamw_torch": "adamw", "adamw_torch_fused": "adamw", "adamw_hf": "adamw",
      "adamw_bnb_8bit": "adamw_8bit", "paged_adamw": "optimizer: {type: adamw, paged: true}",
      "paged_adamw_32bit": "optimizer: {type: adamw, paged: true}",
      "paged_adamw_8bit": "optimizer: {type: adamw_8bit, paged: true}",
    ]
  }

  /// What turns gradients into steps.
  public internal(set) var kind = Kind.adamw
  /// Whether the moments lie in a file of the run directory, of which only a part is in memory.
  public internal(set) var isPaged = false
}

/// How the learning rate goes from its peak to its end.
public struct ScheduleRecipe: RecipeSection, Sendable, Equatable {
  /// The shape of the curve.
  public enum Kind: String, RecipeChoice, CaseIterable, Sendable {
    /// Stays at the peak.
    case constant
    /// Falls in a straight line.
    case linear
    /// Falls along half a cosine.
    case cosine
    /// Warm-up, stable, decay: stays at the peak, then falls in a straight line.
    case wsd
  }

  /// The shape of the curve.
  public internal(set) var kind = Kind.cosine
  /// The last learning rate as a share of the peak; `nil` for `constant`.
  public internal(set) var floor: Double?
  /// The share of all steps in which `wsd` falls; `nil` for the others.
  public internal(set) var decay: Double?
}

/// Evaluation while training.
public struct EvalRecipe: RecipeSection, Sendable, Equatable {
  /// Steps between evaluations; `nil` for one after each epoch. The first step is always preceded
  /// and the last one followed by an evaluation.
  public internal(set) var every: Int?
  /// Prompts that are answered greedily at each evaluation.
  public internal(set) var samples: [String] = []
  /// The longest answer in tokens.
  public internal(set) var maxNewTokens = 64
}

/// Checkpoints of a run.
public struct SaveRecipe: RecipeSection, Sendable, Equatable {
  /// What makes a checkpoint the best.
  public enum Measure: String, RecipeChoice, CaseIterable, Sendable {
    /// The lowest validation loss.
    case loss
  }

  /// Steps between checkpoints; `nil` for one at each evaluation.
  public internal(set) var every: Int?
  /// How many of the newest are kept, besides the best.
  public internal(set) var keep = 2
  /// What makes a checkpoint the best.
  public internal(set) var bestBy = Measure.loss
}
