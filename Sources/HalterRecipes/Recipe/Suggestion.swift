/// The valid word that a wrong one was most likely meant to be.
enum Suggestion {
  /// The candidate nearest to `word`, if one is near enough to be a slip of the hand.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    let plain = normalized(word)
    let limit = max(1, min(3, plain.count / 3))
    let ranked = candidates.compactMap {
      candidate -> (text: String, distance: Int, slip: Int)? in
      let other = normalized(candidate)
      guard abs(other.count - plain.count) <= limit else { return nil }
      return (candidate, distance(plain, other), plain.first == other.first ? 0 : 1)
    }
    let best = ranked.enumerated().min { left, right in
      // A letter left out is likelier than one too many, so the longer of two is.
      (left.element.distance, left.element.slip, -left.element.text.count, left.offset)
        < (right.element.distance, right.element.slip, -right.element.text.count, right.offset)
    }
    guard let best = best?.element, best.distance <= limit, best.distance < plain.count else {
      return whole(of: plain, among: candidates)
    }
    return best.text
  }

  /// The one candidate that `beginning`, of three letters or more, is the beginning of.
  private static func whole(of beginning: [Unicode.Scalar], among candidates: [String]) -> String? {
    guard beginning.count > 2 else { return nil }
    let longer = candidates.filter { normalized($0).starts(with: beginning) }
    return longer.count == 1 ? longer[0] : nil
  }

  /// Case and the choice of `-` or `_` are no difference between words.
  private static func normalized(_ word: String) -> [Unicode.Scalar] {
    word.lowercased().unicodeScalars.map { $0 == "-" ? "_" : $0 }
  }

  /// Edits between two words: insert, delete, replace, or swap two neighbours (optimal string
  /// alignment).
  static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    guard left.count < 64, right.count < 64 else { return left == right ? 0 : Int.max }
    var earlier: [Int] = []
    var above = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        var best = min(above[column + 1], current[column]) + 1
        best = min(best, above[column] + (left[row] == right[column] ? 0 : 1))
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, earlier[column - 1] + 1)
        }
        current.append(best)
      }
      (earlier, above) = (above, current)
    }
    return above[right.count]
  }
}
