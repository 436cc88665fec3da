import ArgumentParser
import Foundation
import HalterRecipes

extension HalterRecipes.Method: ExpressibleByArgument {}

extension RecipeCommand {
  /// `halter recipe explain`.
  struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Says what a key means, what it may be and what it is by default.",
      discussion: """
        Examples:
          halter recipe explain train.learning_rate
          halter recipe explain on_overflow --method pretrain
        """)

    @Argument(help: "A key, such as train.warmup, or the last part of one; all keys without it.")
    var key: String?
    @Option(name: .long, help: "Only the keys that a method has.")
    var method: HalterRecipes.Method?
    @Flag(name: .long, help: "Print a line of JSON for each key.")
    var json = false

    func run() throws {
      let all = method.map { RecipeReference.keys(of: $0) } ?? RecipeReference.keys
      let keys = key.map { RecipeReference.explain($0, of: method) } ?? all
      if keys.isEmpty { throw ValidationError(RecipeReference.unknown(key ?? "", of: method)) }
      for key in keys {
        if json {
          try printJSON(Row(key))
          continue
        }
        var notes = [key.defaultText.map { "default: \($0)" } ?? "mandatory"]
        if key.methods.count < HalterRecipes.Method.allCases.count, method == nil {
          notes.append("only \(key.methods.map(\.rawValue).joined(separator: ", "))")
        }
        try printLine("\(key.path): \(key.type) (\(notes.joined(separator: "; ")))")
        try printLine("  \(key.meaning)")
      }
    }

    private struct Row: Encodable {
      let key: String
      let type: String
      let byDefault: String?
      let meaning: String
      let methods: [String]

      init(_ key: RecipeKey) {
        self.key = key.path
        type = key.type
        byDefault = key.defaultText
        meaning = key.meaning
        methods = key.methods.map(\.rawValue)
      }

      enum CodingKeys: String, CodingKey {
        case key, type, meaning, methods
        case byDefault = "default"
      }
    }
  }

  /// `halter recipe schema`.
  struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints the recipe language as JSON Schema, for editors.",
      discussion: """
        An editor with a YAML language server completes keys and marks faults while you type when
        the first line of a recipe is

          # yaml-language-server: $schema=recipe.schema.json

        Examples:
          halter recipe schema > recipe.schema.json
          halter recipe schema pretrain
        """)

    @Argument(help: "A method; without it the schema knows all of them.")
    var method: HalterRecipes.Method?

    func run() throws { try printText(RecipeSchema.text(for: method)) }
  }

  /// `halter recipe new`.
  struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes a first recipe with every key explained.",
      discussion: """
        Without --data, example rows are written beside the recipe, so that it runs at once.

        Examples:
          halter recipe new sft
          halter recipe new sft --output my.yaml --data rows.jsonl
        """)

    @Argument(help: "How to train.")
    var method: HalterRecipes.Method
    @Option(name: .long, help: "The file to write; nothing is overwritten. (default: print it)")
    var output: String?
    @Option(name: .long, help: "The model to start from.")
    var model = NewRecipeJob.usualModel
    @Option(name: .long, help: "The file of rows to learn from.")
    var data: String?

    func run() throws {
      let job = NewRecipeJob(method: method, model: model, data: data, in: try workplace())
      guard let output else { return try printText(job.text()) }
      for file in try job.write(to: output) { try printLine("wrote \(file.path)") }
    }
  }

  /// `halter recipe list`.
  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the recipes in a folder and the folders in it.",
      discussion: "Examples:\n  halter recipe list\n  halter recipe list recipes --json")

    @Argument(help: "The folder. (default: recipes if it exists, else this one)")
    var folder: String?
    @Flag(name: .long, help: "Print a line of JSON for each recipe.")
    var json = false

    func run() throws {
      let usual = FileManager.default.fileExists(atPath: "recipes") ? "recipes" : "."
      let recipes = try RecipeListing.recipes(in: folder ?? usual)
      if json {
        for recipe in recipes { try printJSON(Row(recipe)) }
        return
      }
      if recipes.isEmpty { showText("There are no recipes in \(folder ?? usual).\n") }
      let rows = recipes.map { Row($0) }
      let table = rows.map { [$0.recipe, $0.method ?? $0.note, $0.model ?? "", $0.comment ?? ""] }
      let widths = (0..<3).map { column in table.map { $0[column].count }.max() ?? 0 }
      for row in table {
        let cells = row.enumerated().map { column, text in
          column < 3 ? text + String(repeating: " ", count: widths[column] - text.count) : text
        }
        let line = cells.joined(separator: "  ")
        try printLine(String(line.reversed().drop { $0 == " " }.reversed()))
      }
    }

    private struct Row: Encodable {
      let recipe: String
      let method: String?
      let model: String?
      let faults: Int
      let comment: String?

      init(_ listing: RecipeListing) {
        recipe = listing.path
        comment = listing.comment
        switch listing.state {
        case .sound(let method, let model):
          (self.method, self.model, faults) = (method.rawValue, model, 0)
        case .part: (method, model, faults) = (nil, nil, 0)
        case .faulty(let count): (method, model, faults) = (nil, nil, count)
        }
      }

      /// What the table says of a recipe that is not sound by itself.
      var note: String {
        faults == 0 ? "to extend" : "\(faults) \(faults == 1 ? "fault" : "faults")"
      }
    }
  }
}
