/// A first recipe of a method with every key it can have, written from the schema: what most
/// people set is set, and the rest stands behind `#` with its default.
public struct RecipeStarter: Sendable {
  /// The method.
  public let method: Method
  /// The recipe's name, for its run directory.
  public let name: String
  /// What `model.base` is.
  public let model: String
  /// What `data.train` is, relative to the recipe.
  public let data: String

  /// A starter from its parts.
  public init(method: Method, name: String, model: String, data: String) {
    self.method = method
    self.name = name
    self.model = model
    self.data = data
  }

  /// Rows that `data` may hold at first: enough to see a run, and the layout to follow.
  public var exampleRows: String {
    switch method {
    case .sft:
      Self.questions.map { question, answer in
        #"{"messages": [{"role": "user", "content": "\#(question)"}, "#
          + #"{"role": "assistant", "content": "\#(answer)"}]}"# + "\n"
      }.joined()
    case .pretrain:
      Self.questions.map { #"{"text": "\#($0.1)"}"# + "\n" }.joined()
    case .reward:
      Self.questions.map { question, answer in
        #"{"prompt": "\#(question)", "chosen": "\#(answer)", "rejected": "I do not know."}"# + "\n"
      }.joined()
    }
  }

  private static let questions = [
    ("What is a recipe?", "A file that says what is trained, on what, and how."),
    ("What is a run?", "One training, from its recipe to its result, in a directory of its own."),
    ("What is an adapter?", "A few weights beside a frozen model that change what it says."),
    ("What is an epoch?", "One pass over all the rows."),
    ("What is a step?", "One change of the weights, after one or more batches."),
    ("What is a batch?", "The rows that go through the model together."),
    ("What is a token?", "A piece of text that the model reads or writes as one."),
    ("What is the loss?", "How surprised the model is by the right answer."),
    ("What is a checkpoint?", "The state of a run, saved so that it can go on from there."),
    ("What is validation?", "Measuring the loss on rows that were never learnt."),
  ]

  /// The keys that are set, with their values.
  private var given: [(path: String, value: RecipeValue)] {
    [
      ("method", .word(method.rawValue)), ("model.base", .text(model)),
      ("adapter.type", .word("lora")), ("adapter.rank", .word("16")), ("data.train", .text(data)),
      ("data.validation", .word("0.1")), ("train.epochs", .word("1")),
      ("train.learning_rate", .word(method == .reward ? "1e-4" : "2e-4")),
      ("output", .text("runs/\(name)")),
    ]
  }

  /// The text of the recipe.
  ///
  /// - Parameter file: the name of its file, for the commands at its head.
  /// - Throws: what is wrong with the model or the path of the data, which are all that a caller
  ///   chooses.
  public func text(file: String) throws(RecipeErrors) -> String {
    let loaded = try RecipeLoader.load(
      text: "{}", name: file, file: RecipePath(text: file, absolute: "/\(name).yaml").url,
      overrides: given.map { "\($0.path)=\(RecipeEmitter.inline($0.value, for: method))" },
      workingDirectory: "/")
    var lines = [
      "# \(method.meaning)", "#", "#   halter recipe check \(file)", "#   halter run \(file)", "#",
      "# A key behind # has the value that it has anyway: take the # away to change it.",
      "# What a key may be: halter recipe explain KEY",
    ]
    write(
      RecipeCodec<Recipe>.written(loaded.recipe), Recipe.keys, below: "", indent: "", to: &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private func write(
    _ entries: [RecipeValue.Entry], _ keys: [RecipeKeyEntry], below path: String, indent: String,
    to lines: inout [String]
  ) {
    for entry in entries where entry.methods.contains(method) {
      guard let key = keys.first(where: { $0.name == entry.key && $0.methods == entry.methods })
      else { continue }
      let own = path.isEmpty ? key.name : "\(path).\(key.name)"
      let isGiven = given.contains { $0.path == own || $0.path.hasPrefix(own + ".") }
      let mark = isGiven ? "" : "#"
      if path.isEmpty { lines.append("") }
      if case .section(let below) = entry.value, case .section(_, let keys) = key.shape {
        lines.append("\(indent)# \(key.meaning)")
        lines.append("\(indent)\(mark)\(key.name):")
        write(below, keys(), below: own, indent: indent + "  ", to: &lines)
      } else {
        let value = given.first { $0.path == own }?.value ?? entry.value
        let text = RecipeEmitter.inline(value, for: method)
        lines += Self.words(of: key, saysDefault: !isGiven && text != key.defaultText, indent)
        lines.append("\(indent)\(mark)\(key.name): \(text)")
      }
    }
  }

  /// The meaning of a key and what it may be, in lines of at most 100 characters.
  private static func words(
    of key: RecipeKeyEntry, saysDefault: Bool, _ indent: String
  ) -> [String] {
    var text = "\(key.meaning) (\(key.type)"
    if saysDefault, let usual = key.defaultText { text += "; default: \(usual)" }
    var lines: [String] = []
    var line = indent + "#"
    for word in (text + ")").split(separator: " ") {
      if line.count + 1 + word.count > 100 {
        lines.append(line)
        line = indent + "#"
      }
      line += " " + word
    }
    return lines + [line]
  }
}
