/// What the texts of some rows are made of: letters by script, rows by language.
public struct TextProfile: Sendable, Equatable {
  /// Rows looked at.
  public private(set) var rows = 0
  /// Unicode scalars in their texts.
  public private(set) var characters = 0
  /// Letters by script.
  public private(set) var letters: [WritingScript: Int] = [:]
  /// Rows by language, where one could be told; only texts in Latin letters are looked at.
  public private(set) var languages: [String: Int] = [:]

  /// The profile of no rows.
  public init() {}

  /// Adds a row.
  public mutating func add(_ example: Example) {
    rows += 1
    var counts = [Int](repeating: 0, count: WritingScript.allCases.count)
    for text in example.texts {
      for scalar in text.unicodeScalars {
        characters += 1
        if let script = WritingScript(of: scalar) { counts[script.rawValue] += 1 }
      }
    }
    for script in WritingScript.allCases where counts[script.rawValue] > 0 {
      letters[script, default: 0] += counts[script.rawValue]
    }
    let all = counts.reduce(0, +)
    if all > 0, 2 * counts[WritingScript.latin.rawValue] > all,
      let language = LanguageGuess.language(of: example.texts.joined(separator: "\n"))
    {
      languages[language, default: 0] += 1
    }
  }

  /// The scripts with their share of all letters, largest first.
  public var scriptShares: [(script: WritingScript, share: Double)] {
    let all = Double(max(1, letters.values.reduce(0, +)))
    return WritingScript.allCases.compactMap { script in
      letters[script].map { (script, Double($0) / all) }
    }.sorted { $0.share > $1.share }
  }

  /// The languages with their share of all rows, largest first.
  public var languageShares: [(language: String, share: Double)] {
    languages.map { ($0.key, Double($0.value) / Double(max(1, rows))) }
      .sorted { ($1.share, $0.language) < ($0.share, $1.language) }
  }
}
