/// Which parts of a row of bytes are in use.
///
/// A part is taken from the smallest free range that holds it, and free neighbours become one: then
/// large blocks of any sizes follow each other in the same memory, as the phases of a training step
/// need them.
struct RangeAllocator {
  /// Where what was never taken begins.
  private(set) var end = 0
  /// Free ranges below `end`, ascending and apart from each other.
  private(set) var free: [Range<Int>] = []

  /// Takes a part of a size and returns its start.
  mutating func take(_ size: Int) -> Int {
    var best: Int?
    for index in free.indices where free[index].count >= size {
      if best.map({ free[index].count < free[$0].count }) ?? true { best = index }
    }
    if let best {
      let range = free[best]
      if range.count == size {
        free.remove(at: best)
      } else {
        free[best] = range.lowerBound + size..<range.upperBound
      }
      return range.lowerBound
    }
    var start = end
    if let last = free.last, last.upperBound == end {
      start = last.lowerBound
      free.removeLast()
    }
    end = start + size
    return start
  }

  /// Gives a part back.
  mutating func give(_ part: Range<Int>) {
    var index = free.partitioningIndex { $0.lowerBound >= part.upperBound }
    var merged = part
    if index < free.count, free[index].lowerBound == part.upperBound {
      merged = merged.lowerBound..<free[index].upperBound
      free.remove(at: index)
    }
    if index > 0, free[index - 1].upperBound == part.lowerBound {
      merged = free[index - 1].lowerBound..<merged.upperBound
      index -= 1
      free.remove(at: index)
    }
    free.insert(merged, at: index)
  }

  /// Forgets a free range at the end, which then was never taken.
  mutating func shrink() {
    guard let last = free.last, last.upperBound == end else { return }
    end = last.lowerBound
    free.removeLast()
  }
}

extension Array {
  /// The index of the first element for which a condition holds that, once it does, holds for all.
  fileprivate func partitioningIndex(where holds: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
