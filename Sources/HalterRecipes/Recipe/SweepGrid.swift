/// The combinations of the values that the arguments of a sweep give to keys.
struct SweepGrid {
  /// One run of the grid.
  struct Combination {
    /// The overrides that make it.
    let overrides: [RecipeOverride]
    /// The keys that are varied, with the values that it has.
    let settings: [(key: String, value: String)]
    /// A name for its directory, told from its values and unlike any other's.
    let name: String
  }

  /// More runs than anybody can mean.
  static let maximumCount = 1000

  /// The runs; the values of the last argument vary fastest.
  private(set) var combinations: [Combination] = []

  /// The faults of the arguments; the combinations are those of the others.
  private(set) var issues: [RecipeIssue] = []

  /// Reads arguments `key.path=value,value…`. One with a single value holds for every run.
  init(_ arguments: [String]) {
    var axes: [[RecipeOverride]] = []
    for (index, argument) in arguments.enumerated() {
      do throws(RecipeErrors) {
        let overrides = try RecipeOverride.several(argument, index: index)
        if let first = overrides.first {
          try first.check(after: axes.compactMap(\.first))
          if first.key == "output" {
            throw first.refused("a sweep puts its runs into one directory: name that by --output")
          }
        }
        axes.append(overrides)
      } catch {
        issues += error.issues
      }
    }
    let varied = axes.filter { $0.count > 1 }
    if varied.isEmpty, issues.isEmpty {
      issues.append(
        RecipeIssue(
          "there is nothing to sweep: give a key several values, as "
            + "train.learning_rate=1e-4,3e-4,1e-3", at: nil))
    }
    var count = 1
    for axis in varied where count <= Self.maximumCount {
      count *= axis.count
      if count > Self.maximumCount, let first = axis.first {
        issues +=
          first.refused(
            "these are more than \(Self.maximumCount) runs: give fewer values"
          ).issues
      }
    }
    if count <= Self.maximumCount { combine(axes, varied) }
  }

  private mutating func combine(_ axes: [[RecipeOverride]], _ varied: [[RecipeOverride]]) {
    let names = Self.names(of: varied.compactMap { $0.first?.key })
    var rows: [[RecipeOverride]] = [[]]
    for axis in axes { rows = rows.flatMap { row in axis.map { row + [$0] } } }
    var taken: Set<String> = []
    for row in rows {
      let settings = zip(axes, row).filter { $0.0.count > 1 }.map { _, override in
        (key: override.key, value: override.text)
      }
      let wish = zip(names, settings).map { "\($0)=\(Self.plain($1.value))" }
        .joined(separator: ",")
      var name = wish
      var number = 2
      while !taken.insert(name).inserted {
        name = "\(wish)~\(number)"
        number += 1
      }
      combinations.append(Combination(overrides: row, settings: settings, name: name))
    }
  }

  /// The last parts of key paths where they differ, else whole paths.
  private static func names(of keys: [String]) -> [String] {
    let last = keys.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
    return zip(keys, last).map { key, name in last.count { $0 == name } == 1 ? name : key }
  }

  /// A value as a part of a file name.
  private static func plain(_ value: String) -> String {
    var name = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_", "+": name.unicodeScalars.append(scalar)
      case ",": name += "+"
      case "[", "]", "{", "}", "\"", "'", " ": continue
      default: name += "_"
      }
    }
    return String(name.prefix(40))
  }
}
