/// The symbols of one word while they are merged. Kept from word to word to save allocations.
struct MergeWork: Sendable {
  private struct Symbol {
    var id: Int32
    /// Where it ends, counted from the start of the word; it begins where the one before it ends.
    var end: Int
    /// The rule for it and its right neighbour, as `MergeTable.find` gives it.
    var rule = MergeTable.none
  }

  private var symbols: [Symbol] = []
  private var pending: (id: Int32, end: Int)?
  /// The symbols' neighbours and the candidates, for long words.
  private var next: [Int] = []
  private var previous: [Int] = []
  private var heap = CandidateHeap()

  /// Longer words are merged with a heap, so that time does not grow with their square.
  private static let heapThreshold = 48

  /// How many symbols there are.
  var count: Int { symbols.count }

  /// A symbol and where it ends in the word.
  func token(_ index: Int) -> (id: Int32, end: Int) { (symbols[index].id, symbols[index].end) }

  mutating func clear() {
    symbols.removeAll(keepingCapacity: true)
    pending = nil
  }

  @inline(__always)
  mutating func append(_ id: Int32, end: Int) {
    symbols.append(Symbol(id: id, end: end))
  }

  /// Keeps an unknown token back until it is known how far it reaches.
  mutating func pendUnknown(_ id: Int32, end: Int) { pending = (id, end) }

  @inline(__always)
  mutating func flushUnknown() {
    guard let unknown = pending else { return }
    append(unknown.id, end: unknown.end)
    pending = nil
  }

  mutating func merge(_ table: MergeTable) {
    guard symbols.count > 1 else { return }
    for index in 0..<symbols.count - 1 {
      symbols[index].rule = table.find(symbols[index].id, symbols[index + 1].id)
    }
    if symbols.count > Self.heapThreshold { mergeByHeap(table) } else { mergeByScan(table) }
  }

  private mutating func mergeByScan(_ table: MergeTable) {
    var count = symbols.count
    while true {
      var best = MergeTable.none
      var place = 0
      for index in 0..<count - 1 where symbols[index].rule < best {
        best = symbols[index].rule
        place = index
      }
      if best == MergeTable.none { break }
      symbols[place].id = Int32(truncatingIfNeeded: best)
      symbols[place].end = symbols[place + 1].end
      count -= 1
      for index in place + 1..<max(count, place + 1) { symbols[index] = symbols[index + 1] }
      for index in max(place - 1, 0)...place {
        symbols[index].rule =
          index + 1 < count
          ? table.find(symbols[index].id, symbols[index + 1].id) : MergeTable.none
      }
    }
    symbols.removeLast(symbols.count - count)
  }

  /// The same merges in the same order, with the candidates in a heap and the symbols in a list.
  private mutating func mergeByHeap(_ table: MergeTable) {
    let count = symbols.count
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    next.append(contentsOf: 1...count)
    previous.append(contentsOf: -1..<count - 1)
    for index in 0..<count { heap.push(symbols[index].rule, at: index) }
    while let (rank, place) = heap.pop() {
      let rule = symbols[place].rule
      // A candidate is stale once either symbol of its pair has changed.
      guard rule != MergeTable.none, rule >> 32 == rank else { continue }
      let right = next[place]
      symbols[place].id = Int32(truncatingIfNeeded: rule)
      symbols[place].end = symbols[right].end
      next[place] = next[right]
      symbols[right].rule = MergeTable.none
      symbols[right].id = -1
      if next[right] < count { previous[next[right]] = place }
      if previous[place] >= 0 {
        let left = previous[place]
        symbols[left].rule = table.find(symbols[left].id, symbols[place].id)
        heap.push(symbols[left].rule, at: left)
      }
      let after = next[place]
      symbols[place].rule =
        after < count ? table.find(symbols[place].id, symbols[after].id) : MergeTable.none
      heap.push(symbols[place].rule, at: place)
    }
    symbols.removeAll { $0.id < 0 }
  }

  /// Writes the symbols out as tokens of the text; the word begins at `start`.
  func emit(at start: Int, _ text: AlignedText, _ out: inout [PlacedToken]) {
    var from = start
    for symbol in symbols {
      out.append(text.placed(symbol.id, from, start + symbol.end))
      from = start + symbol.end
    }
  }
}

/// Merge candidates, the lowest rank first and of equal ranks the leftmost.
private struct CandidateHeap {
  private var items: [UInt64] = []

  /// Adds the pair at `place`; nothing for a pair without a rule.
  mutating func push(_ rule: UInt64, at place: Int) {
    guard rule != MergeTable.none else { return }
    var at = items.count
    items.append((rule & ~0xFFFF_FFFF) | UInt64(place))
    while at > 0, items[at] < items[(at - 1) / 2] {
      items.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() -> (rank: UInt64, place: Int)? {
    guard let top = items.first, let last = items.popLast() else { return nil }
    if !items.isEmpty {
      items[0] = last
      var at = 0
      while true {
        var least = at
        for child in at * 2 + 1..<min(at * 2 + 3, max(items.count, at * 2 + 1))
        where items[child] < items[least] {
          least = child
        }
        if least == at { break }
        items.swapAt(at, least)
        at = least
      }
    }
    return (top >> 32, Int(top & 0xFFFF_FFFF))
  }
}
