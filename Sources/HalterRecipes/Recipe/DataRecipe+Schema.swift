// The schema of `data`.

extension DataRecipe {
  static var sources: RecipeCodec<[SourceRecipe]> {
    .list(
      of: .section("a path, or path, layout, limit and others"),
      "a path, or a list of paths or mappings", lone: true, minimum: 1)
  }

  static func usual(for method: Method) -> DataRecipe {
    var data = DataRecipe()
    if method == .pretrain { (data.onOverflow, data.trainOn) = (.split, .all) }
    return data
  }

  static var fields: [RecipeField<DataRecipe>] {
    [
      RecipeField(
        "train", \.train, sources, mandatory: true,
        aliases: [
          "train_data", "train_file", "train_files", "train_path", "train_dataset", "files",
        ],
        "The rows to learn from."),
      RecipeField(
        "validation", \.validation, .optional(.validation),
        aliases: ["valid", "val", "eval", "test", "validation_data", "eval_data", "eval_dataset"],
        "Rows that are never learnt from, to measure the loss on: sources, or a share of train."),
      RecipeField(
        "max_length", \.maxLength, .optional(.whole(2...1_048_576)),
        derived: "the model's context, at most 2048 and at most batch_tokens",
        aliases: ["max_seq_len", "max_seq_length", "sequence_len", "cutoff_len"],
        "The longest row in tokens."),
      RecipeField(
        "on_overflow", \.onOverflow,
        .choice(among: [.drop, .error, .truncateTurns, .truncateLeft]), methods: [.sft],
        "What to do with a longer row: leave it out and count it, refuse the data, or cut it."),
      RecipeField(
        "on_overflow", \.onOverflow, .choice(among: [.drop, .error]), methods: [.reward],
        "What to do with a row of which an answer is longer: leave it out and count it, or refuse"
          + " the data."),
      RecipeField(
        "on_overflow", \.onOverflow, .choice(among: [.split, .drop, .error]),
        methods: [.pretrain],
        "What to do with a longer text: cut it into rows, leave it out and count it, or refuse it."),
      RecipeField(
        "train_on", \.trainOn, .choice(), aliases: ["train_on_inputs", "mask_prompt"],
        methods: [.sft],
        "The tokens that carry loss: all answers, the last one, the completion, or everything."),
      RecipeField(
        "deduplicate", \.deduplicate, .choice(), aliases: ["dedup", "deduplication"],
        "Whether rows that are equal, or nearly so, are learnt once."),
      RecipeField(
        "fim", \.fim, .optional(.section("rate and spm")), aliases: ["fill_in_the_middle"],
        methods: Method.writing, "Teaches the model to fill in the middle of texts."),
    ]
  }
}

extension FIMRecipe {
  static var fields: [RecipeField<FIMRecipe>] {
    [
      RecipeField(
        "rate", \.rate, .number(.within(0, 1)), aliases: ["fim_rate"], methods: Method.writing,
        "The share of texts that are transformed."),
      RecipeField(
        "spm", \.spm, .number(.within(0, 1)), aliases: ["fim_spm_rate"], methods: Method.writing,
        "Of those, the share in which the suffix comes before the prefix."),
    ]
  }
}

extension SourceRecipe {
  static var shorthand: String? { "path" }

  static var fields: [RecipeField<SourceRecipe>] {
    [
      RecipeField(
        "path", \.path, .source, mandatory: true, aliases: ["file"],
        "A file of rows, a pattern such as data/*.jsonl, a directory, or - for standard input."),
      RecipeField(
        "format", \.format, .choice(),
        "How the file is written; auto tells it from its name and its first bytes."),
      RecipeField(
        "layout", \.layout,
        .choice(among: SourceRecipe.Layout.allCases.filter { $0 != .ranking }),
        aliases: ["type"], methods: [.sft],
        "How a row is laid out; auto tells it from the first row."),
      RecipeField(
        "layout", \.layout, .choice(among: [.auto, .preference, .hhRLHF, .ranking]),
        aliases: ["type"], methods: [.reward],
        "How a row is laid out: pairs, pairs of transcripts, or ranked answers."),
      RecipeField(
        "layout", \.layout, .choice(among: [.auto, .text]), aliases: ["type"],
        methods: [.pretrain], "How a row is laid out: the file itself, or its column text."),
      RecipeField(
        "columns", \.columns, .optional(.section("the layout's columns and their names")),
        aliases: ["column_map", "field_map"],
        "The file's names of the layout's columns, where they are other ones."),
      RecipeField(
        "split", \.split, .optional(.shareRange),
        "Only a part of the rows, by their content, as 0-0.9 for nine tenths of them."),
      RecipeField(
        "limit", \.limit, .optional(.whole(1...Int.max)), aliases: ["max_samples"],
        "Only the first so many rows."),
      RecipeField(
        "weight", \.weight, .number(.above(0, upTo: 1000)), aliases: ["probability"],
        "How often an epoch draws each row: 0.5 half of the rows, 2 each row twice."),
      RecipeField(
        "share", \.share, .optional(.number(.above(0, upTo: 1))), derived: "as weight makes",
        aliases: ["mix", "proportion"],
        "The share of an epoch's rows that come from this source; those of all sources make 1."),
    ]
  }
}

extension ColumnsRecipe {
  static var fields: [RecipeField<ColumnsRecipe>] {
    func column(
      _ name: String, _ keyPath: any WritableKeyPath<ColumnsRecipe, String?> & Sendable,
      _ meaning: String
    ) -> RecipeField<ColumnsRecipe> {
      RecipeField(
        name, keyPath, .optional(.text("the name of a column")), derived: name,
        "The column that holds \(meaning).")
    }
    return [
      column("messages", \.messages, "the list of messages"),
      column("conversations", \.conversations, "the list of turns of ShareGPT"),
      column("prompt", \.prompt, "the prompt"),
      column("completion", \.completion, "the answer"),
      column("text", \.text, "the plain text"),
      column("instruction", \.instruction, "the instruction of Alpaca"),
      column("input", \.input, "the input of Alpaca"),
      column("output", \.output, "the output of Alpaca"),
      column("system", \.system, "the system text"),
      column("history", \.history, "the earlier turns"),
      column("chosen", \.chosen, "the preferred answer"),
      column("rejected", \.rejected, "the other answer"),
      column("margin", \.margin, "by how much the answer is preferred"),
      column("preference", \.preference, "the same in words"),
      column("chosen_safe", \.chosenSafe, "whether the preferred answer is safe"),
      column("rejected_safe", \.rejectedSafe, "whether the other answer is safe"),
      column("responses", \.responses, "the answers to a prompt, the best first"),
      column("scores", \.scores, "what each of them is worth"),
      column("label", \.label, "whether the answer is good"),
      column("tools", \.tools, "the tools that the assistant may call"),
    ]
  }
}

extension RecipeCodec where Value == ValidationRecipe {
  private static let words =
    "a path, a list of paths or mappings, or a share of train above 0 and below 1, as 0.1"

  static let validation = RecipeCodec(
    words, .either(.number(.between(0, 1)), DataRecipe.sources.shape)
  ) {
    switch $0 {
    case .sources(let sources): DataRecipe.sources.encode(sources)
    case .share(let share): .word(numeral(share))
    }
  } decode: { node, decoding in
    if case .scalar(let text, quoted: false) = node.content {
      switch RecipeNumber(text) {
      case .whole(let digits), .decimal(let digits):
        if let share = Double(digits), share > 0, share < 1 { return .share(share) }
        decoding.expected(words, found: node)
        return nil
      case .refused(let mend):
        decoding.expected(words, found: node, mend: mend)
        return nil
      case .none: break
      }
    }
    return DataRecipe.sources.read(node, &decoding).map { .sources($0) }
  }
}

extension RecipeCodec where Value == ShareRange {
  private static let words = "two shares from 0 to 1, as 0-0.9"

  static let shareRange = RecipeCodec(words, .pattern("[0-9.]+-[0-9.]+")) {
    .word("\(numeral($0.start))-\(numeral($0.end))")
  } decode: { node, decoding in
    guard case .scalar(let text, _) = node.content else {
      decoding.expected(words, found: node)
      return nil
    }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map {
      part -> Double? in
      switch RecipeNumber(String(part)) {
      case .whole(let digits), .decimal(let digits):
        guard part.first?.isNumber == true else { return nil }
        return Double(digits).flatMap { (0...1).contains($0) ? $0 : nil }
      case .refused, .none: return nil
      }
    }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start < end else {
      decoding.expected(words, found: node)
      return nil
    }
    return ShareRange(start: start, end: end)
  }
}
