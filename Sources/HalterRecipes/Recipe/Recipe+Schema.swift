// The schema: one table per section. A key's name, words, default, reader and writer are one row.

extension Recipe {
  static func usual(for method: Method) -> Recipe {
    var recipe = Recipe()
    recipe.method = method
    recipe.data = .usual(for: method)
    recipe.train = .usual(for: method)
    return recipe
  }

  static var fields: [RecipeField<Recipe>] {
    [
      RecipeField(
        taken: "extends", RecipeInheritance.codec, derived: "no other recipe",
        aliases: ["base", "bases", "include", "includes", "defaults", "inherit", "inherits"],
        "A recipe to start from, or several of which later ones win; what is said here wins."),
      RecipeField("method", \.method, .choice(), mandatory: true, "How to train."),
      RecipeField(
        "model", \.model,
        .section("the name of a model, a path, or a mapping with base and others"),
        mandatory: true, aliases: ["base_model", "model_name_or_path"], "What to start from."),
      RecipeField(
        "template", \.template, .optional(.text("the name of a chat template")),
        derived: "the checkpoint's own", aliases: ["chat_template"], methods: [.sft, .reward],
        "How messages become text, where the checkpoint does not say."),
      RecipeField(
        "adapter", \.adapter, .optional(.section("a mapping, or its type")),
        aliases: ["lora", "peft"],
        "The adapter to train on the frozen model; without one every weight is trained."),
      RecipeField(
        "data", \.data, .section("a mapping with train, validation and others"),
        mandatory: true, aliases: ["dataset", "datasets"], "What to train on."),
      RecipeField(
        "reward", \.reward, .section("a mapping"), derived: "its keys' defaults",
        methods: [.reward], "What is asked of the scores."),
      RecipeField(
        "train", \.train, .section("a mapping"), derived: "its keys' defaults",
        "The optimisation."),
      RecipeField(
        "eval", \.eval, .section("a mapping"), derived: "its keys' defaults",
        "What is measured while training."),
      RecipeField(
        "save", \.save, .section("a mapping"), derived: "its keys' defaults",
        "When checkpoints are written and which are kept."),
      RecipeField(
        "output", \.output, .output, derived: "runs/ and the recipe's name",
        aliases: ["output_dir"],
        "The run directory, in the folder of the command if relative; if it exists, a number is "
          + "added."),
    ]
  }
}

extension ModelRecipe {
  static var shorthand: String? { "base" }

  static var fields: [RecipeField<ModelRecipe>] {
    [
      RecipeField(
        "base", \.base, .model, mandatory: true, aliases: ["name", "path"],
        "A name that `halter model list` knows, hf:OWNER/NAME, a directory or a .gguf file."),
      RecipeField(
        "revision", \.revision, .optional(.text("a branch, tag or commit")),
        "Which version of a model on a hub."),
      RecipeField(
        "init", \.initialization, .choice(),
        "Whether to start from the checkpoint's weights or from random ones of its geometry."),
      RecipeField(
        "quantize", \.quantize, .optional(.section("nf4, fp4, int8, or type, double, block")),
        aliases: ["load_in_4bit", "load_in_8bit", "quantization", "quantization_config"],
        "What the frozen matrices become while they are loaded; without it they stay as they are "
          + "in the file."),
    ]
  }
}

extension QuantizeRecipe {
  static var shorthand: String? { "type" }

  static var fields: [RecipeField<QuantizeRecipe>] {
    [
      RecipeField(
        "type", \.kind, .choice(), aliases: ["bnb_4bit_quant_type"],
        "Four bits for each weight (nf4, which suits trained weights, or fp4), or eight (int8)."),
      RecipeField(
        "double", \.isDouble, .optional(.flag), derived: "true, for 4 bits",
        aliases: ["bnb_4bit_use_double_quant", "double_quant"],
        "Quantise the scales of 4-bit blocks as well: a tenth less memory."),
      RecipeField(
        "block", \.block, .optional(.whole(32...4096)), derived: "64, for 4 bits",
        aliases: ["blocksize", "block_size"],
        "The weights that share a scale in 4 bits, a power of two."),
    ]
  }
}

extension AdapterRecipe {
  static var shorthand: String? { "type" }

  static var fields: [RecipeField<AdapterRecipe>] {
    [
      RecipeField("type", \.kind, .choice(), "The family of the adapter."),
      RecipeField(
        "rank", \.rank, .whole(1...4096), aliases: ["r", "lora_r", "lora_rank"],
        "The rank of the low-rank product: its size and what it can learn."),
      RecipeField(
        "alpha", \.alpha, .number(.above(0)), derived: "2 · rank", aliases: ["lora_alpha"],
        "The product is scaled by alpha / rank."),
      RecipeField(
        "dropout", \.dropout, .number(.below(1, from: 0)), aliases: ["lora_dropout"],
        "The share of the adapter's inputs that are dropped while training."),
      RecipeField(
        "targets", \.targets, .targets, aliases: ["target_modules", "lora_target_modules"],
        "The matrices that get an adapter."),
      RecipeField(
        "layers", \.layers, .optional(.layers), aliases: ["layers_to_transform"],
        "The transformer blocks that get adapters, counted from 0; null for all."),
      RecipeField(
        "rslora", \.rslora, .flag, aliases: ["use_rslora"],
        "Scale by alpha / √rank instead, which suits high ranks."),
      RecipeField(
        "dora", \.dora, .flag, aliases: ["use_dora"],
        "Train the magnitude of each output apart from its direction (DoRA): closer to training "
          + "every weight, and slower."),
      RecipeField(
        "init", \.initialization, .adapterInitialization, aliases: ["init_lora_weights"],
        "Where the adapter begins: changing nothing, or with the weights of another adapter."),
    ]
  }
}

extension TrainRecipe {
  static func usual(for method: Method) -> TrainRecipe {
    var train = TrainRecipe()
    if method == .reward { train.learningRate = 1e-4 }
    return train
  }

  static var fields: [RecipeField<TrainRecipe>] {
    amounts + optimizer + execution
  }

  private static var amounts: [RecipeField<TrainRecipe>] {
    [
      RecipeField(
        "epochs", \.epochs, .optional(.number(.above(0, upTo: 100_000))),
        derived: "1, unless steps is given", aliases: ["num_epochs", "num_train_epochs"],
        alternative: "steps",
        "Passes over the training rows; a part of one is allowed."),
      RecipeField(
        "steps", \.steps, .optional(.whole(1...Int.max)), derived: "as epochs make",
        aliases: ["max_steps", "iters"], alternative: "epochs",
        "Optimiser steps, instead of epochs."),
      RecipeField(
        "batch_tokens", \.batchTokens, .optional(.whole(1...16_777_216)),
        derived: "2048, or max_length if that is more, unless batch_size is given",
        alternative: "batch_size",
        "The most tokens in a batch; rows of similar length share one."),
      RecipeField(
        "batch_size", \.batchSize, .optional(.whole(1...65_536)), derived: "as batch_tokens make",
        aliases: ["micro_batch_size", "per_device_train_batch_size"],
        alternative: "batch_tokens",
        "Rows in a batch, instead of batch_tokens."),
      RecipeField(
        "accumulate", \.accumulate, .whole(1...65_536),
        aliases: ["gradient_accumulation_steps", "grad_accum"],
        "Batches per optimiser step; the result is that of one large batch."),
    ]
  }

  private static var optimizer: [RecipeField<TrainRecipe>] {
    [
      RecipeField(
        "learning_rate", \.learningRate, .number(.above(0, upTo: 1)),
        derived: "2e-4, and 1e-4 for reward", aliases: ["lr"], "The peak of the learning rate."),
      RecipeField(
        "lora_plus_ratio", \.loraPlusRatio, .optional(.number(.within(1, 1000))),
        derived: "the same rate",
        aliases: ["loraplus_lr_ratio", "loraplus_ratio", "lora_plus_lr_ratio"],
        "LoRA+: the learning rate of an adapter's B as a multiple of that of A; 16 is usual."),
      RecipeField(
        "schedule", \.schedule, .section("constant, linear, cosine, wsd, or type, floor, decay"),
        derived: "cosine", aliases: ["lr_scheduler", "lr_scheduler_type"],
        "How the learning rate goes from its peak to its end."),
      RecipeField(
        "warmup", \.warmup, .warmup, aliases: ["warmup_ratio", "warmup_steps"],
        "The steps in which the learning rate rises: a count, or a share of all."),
      RecipeField(
        "optimizer", \.optimizer, .section("adamw, adamw_8bit, or type, paged"),
        derived: "adamw", aliases: ["optim", "optimiser"],
        "What turns gradients into steps, and how it keeps its state."),
      RecipeField(
        "weight_decay", \.weightDecay, .number(.within(0, 1)),
        "Decoupled weight decay, on matrices only."),
      RecipeField("betas", \.betas, .betas, "The decay rates of AdamW's running means."),
      RecipeField(
        "epsilon", \.epsilon, .number(.above(0, upTo: 1)), aliases: ["eps", "adam_epsilon"],
        "What AdamW adds to the denominator."),
      RecipeField(
        "clip", \.clip, .optional(.number(.above(0))),
        aliases: ["max_grad_norm", "clip_grad_norm", "grad_clip"],
        "The largest norm of the whole gradient; null for no clipping."),
    ]
  }

  private static var execution: [RecipeField<TrainRecipe>] {
    [
      RecipeField("seed", \.seed, .whole(0...Int.max), "The seed of everything random."),
      RecipeField(
        "compute", \.compute, .choice(), aliases: ["dtype", "bf16", "precision"],
        "The precision of the large products; auto is bf16 where the CPU is faster with it, else f32."
      ),
      RecipeField(
        "recompute", \.recompute, .choice(),
        aliases: ["gradient_checkpointing", "activation_checkpointing"],
        "What is computed again in the backward pass, to save memory at the cost of time; auto is "
          + "blocks where the run does not fit in memory otherwise, else none."),
      RecipeField(
        "threads", \.threads, .threads, aliases: ["num_threads"],
        "The threads to compute with; auto is one per core."),
    ]
  }
}

extension OptimizerRecipe {
  static var shorthand: String? { "type" }

  static var fields: [RecipeField<OptimizerRecipe>] {
    [
      RecipeField(
        "type", \.kind, .choice(), aliases: ["name"],
        "AdamW with its two moments in f32, or in 8 bits (but for embeddings): 8 bytes for each "
          + "trained weight, or 2."),
      RecipeField(
        "paged", \.isPaged, .flag, aliases: ["is_paged"],
        "Keep the moments in a file of the run directory, so that they may be larger than memory."
      ),
    ]
  }
}

extension ScheduleRecipe {
  static var shorthand: String? { "type" }

  static var fields: [RecipeField<ScheduleRecipe>] {
    [
      RecipeField("type", \.kind, .choice(), aliases: ["name"], "The shape of the curve."),
      RecipeField(
        "floor", \.floor, .optional(.number(.within(0, 1))), derived: "0.1 for cosine, else 0",
        aliases: ["min_lr_ratio"], "The last learning rate as a share of the peak."),
      RecipeField(
        "decay", \.decay, .optional(.number(.above(0, upTo: 1))), derived: "0.1 for wsd",
        "The share of all steps in which wsd falls to its floor."),
    ]
  }
}

extension EvalRecipe {
  static var fields: [RecipeField<EvalRecipe>] {
    [
      RecipeField(
        "every", \.every, .optional(.whole(1...Int.max)), derived: "once per epoch",
        aliases: ["eval_steps", "steps"],
        "Steps between evaluations, besides those at the start and at the end."),
      RecipeField(
        "samples", \.samples, .list(of: .text("a prompt"), "a list of prompts"),
        aliases: ["prompts"], methods: Method.writing,
        "Prompts that are answered at each evaluation."),
      RecipeField(
        "max_new_tokens", \.maxNewTokens, .whole(1...65_536), methods: Method.writing,
        "The longest answer in tokens."),
    ]
  }
}

extension SaveRecipe {
  static var fields: [RecipeField<SaveRecipe>] {
    [
      RecipeField(
        "every", \.every, .optional(.whole(1...Int.max)), derived: "at each evaluation",
        aliases: ["save_steps", "steps"], "Steps between checkpoints."),
      RecipeField(
        "keep", \.keep, .whole(1...Int.max), aliases: ["save_total_limit"],
        "How many of the newest checkpoints are kept, besides the best."),
      RecipeField("best_by", \.bestBy, .choice(), "What makes a checkpoint the best."),
    ]
  }
}
