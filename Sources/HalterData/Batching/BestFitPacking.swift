/// Packs rows into micro-batches of a token budget so that next to nothing of it is left unused.
///
/// Each micro-batch begins with the first row of the given order that is not packed yet and goes
/// on with the longest that still fits, out of the next rows of the order. As the choice is
/// among many lengths, the last row of a micro-batch mostly fits to the token; as it is among the
/// next rows only, the order stays as random as it was. (Best-fit packing of whole rows: Ding et
/// al. 2024, "Fewer truncations improve language modeling"; here no row is ever cut.)
struct BestFitPacking {
  private let lengths: [Int]
  private let limit: Int
  /// How many rows there are to choose from.
  private let choice: Int

  /// Packing of rows of `lengths` into at most `limit` tokens each; a longer row is alone.
  /// `choice` rows at least are looked at for each.
  init(lengths: [Int], limit: Int, choice: Int) {
    self.lengths = lengths
    self.limit = limit
    self.choice = choice
  }

  /// The micro-batches of the rows `order`, each row once.
  func pack(_ order: [Int32]) -> RowGroups {
    var groups = RowGroups(capacity: order.count)
    let longest = order.reduce(0) { max($0, lengths[Int($1)]) }
    var shelves = LengthShelves(longest: min(limit, longest), places: order.count)
    var isPacked = [Bool](repeating: false, count: order.count)
    var shelved = 0
    var waiting = 0
    for first in order.indices where !isPacked[first] {
      while shelved < order.count, waiting < choice {
        if !isPacked[shelved] {
          let length = lengths[Int(order[shelved])]
          if length <= limit { shelves.put(shelved, length: length) }
          waiting += 1
        }
        shelved += 1
      }
      var space = limit
      var next: Int? = first
      while let place = next {
        isPacked[place] = true
        waiting -= 1
        groups.append(order[place])
        space -= lengths[Int(order[place])]
        next = space < 0 ? nil : shelves.takeLongest(atMost: space, unless: isPacked)
      }
      groups.close()
    }
    return groups
  }
}

/// Places sorted by a length each, of which the longest that fits a space is found in a few steps.
private struct LengthShelves {
  private static let none: Int32 = -1

  /// The place put last on the shelf of each length, and behind each place the one put before it.
  private var last: [Int32]
  private var before: [Int32]
  /// A bit for each shelf that may hold something, and a bit for each word of these with one.
  private var filled: [UInt64]
  private var summary: [UInt64]

  init(longest: Int, places: Int) {
    last = [Int32](repeating: Self.none, count: longest + 1)
    before = [Int32](repeating: Self.none, count: places)
    filled = [UInt64](repeating: 0, count: longest / 64 + 1)
    summary = [UInt64](repeating: 0, count: longest / 4096 + 1)
  }

  mutating func put(_ place: Int, length: Int) {
    before[place] = last[length]
    last[length] = Int32(place)
    filled[length / 64] |= 1 << UInt64(length % 64)
    summary[length / 4096] |= 1 << UInt64(length / 64 % 64)
  }

  /// Takes a place of the greatest length up to `space`; those that are packed already are dropped.
  mutating func takeLongest(atMost space: Int, unless isPacked: [Bool]) -> Int? {
    var bound = min(space, last.count - 1)
    while let length = Self.lastBit(upTo: bound, filled, summary) {
      while last[length] != Self.none {
        let place = Int(last[length])
        last[length] = before[place]
        if !isPacked[place] { return place }
      }
      filled[length / 64] &= ~(1 << UInt64(length % 64))
      if filled[length / 64] == 0 {
        summary[length / 4096] &= ~(1 << UInt64(length / 64 % 64))
      }
      bound = length
    }
    return nil
  }

  /// The greatest number of `bits` that is not above `bound`.
  private static func lastBit(upTo bound: Int, _ bits: [UInt64], _ summary: [UInt64]) -> Int? {
    let (word, bit) = bound.quotientAndRemainder(dividingBy: 64)
    if let found = highest(bits[word], upTo: bit) { return word * 64 + found }
    guard word > 0 else { return nil }
    let (start, within) = (word - 1).quotientAndRemainder(dividingBy: 64)
    for group in stride(from: start, through: 0, by: -1) {
      guard let found = highest(summary[group], upTo: group == start ? within : 63) else {
        continue
      }
      let word = group * 64 + found
      return highest(bits[word], upTo: 63).map { word * 64 + $0 }
    }
    return nil
  }

  /// The highest bit of `word` that is not above `bound`.
  private static func highest(_ word: UInt64, upTo bound: Int) -> Int? {
    let masked = word & (UInt64.max >> UInt64(63 - bound))
    return masked == 0 ? nil : 63 - masked.leadingZeroBitCount
  }
}
