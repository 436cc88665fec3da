/// The symbols of one word while they are merged. Kept from word to word to save allocations.
struct MergeWork {
  private var ids: [Int32] = []
  /// Where each symbol ends in the text; it begins where the one before it ends.
  private var ends: [Int] = []
  /// Rule for each symbol and its right neighbour, as `MergeTable.find` gives it.
  private var rules: [UInt64] = []
  private var pending: (id: Int32, end: Int)?

  /// Longer words are merged with a heap, so that time does not grow with their square.
  private static let heapThreshold = 48

  mutating func clear() {
    ids.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    pending = nil
  }

  @inline(__always)
  mutating func append(_ id: Int32, end: Int) {
    ids.append(id)
    ends.append(end)
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
    guard ids.count > 1 else { return }
    rules.removeAll(keepingCapacity: true)
    for index in 0..<ids.count - 1 { rules.append(table.find(ids[index], ids[index + 1])) }
    if ids.count > Self.heapThreshold { mergeByHeap(table) } else { mergeByScan(table) }
  }

  private mutating func mergeByScan(_ table: MergeTable) {
    while true {
      var best = MergeTable.none
      var place = 0
      for index in 0..<rules.count where rules[index] < best {
        best = rules[index]
        place = index
      }
      if best == MergeTable.none { return }
      ids[place] = Int32(truncatingIfNeeded: best)
      ends[place] = ends[place + 1]
      ids.remove(at: place + 1)
      ends.remove(at: place + 1)
      rules.remove(at: place)
      if place > 0 { rules[place - 1] = table.find(ids[place - 1], ids[place]) }
      if place < rules.count { rules[place] = table.find(ids[place], ids[place + 1]) }
    }
  }

  /// The same merges in the same order, with the candidates in a heap and the symbols in a list.
  private mutating func mergeByHeap(_ table: MergeTable) {
    let count = ids.count
    var next = Array(1...count)
    var previous = Array(-1..<count - 1)
    var heap = CandidateHeap()
    rules.append(MergeTable.none)
    for index in 0..<count { heap.push(rules[index], at: index) }
    while let (rank, place) = heap.pop() {
      // A candidate is stale once either symbol of its pair has changed.
      guard rules[place] != MergeTable.none, rules[place] >> 32 == rank else { continue }
      let right = next[place]
      ids[place] = Int32(truncatingIfNeeded: rules[place])
      ends[place] = ends[right]
      next[place] = next[right]
      rules[right] = MergeTable.none
      ids[right] = -1
      if next[right] < count { previous[next[right]] = place }
      if previous[place] >= 0 {
        let left = previous[place]
        rules[left] = table.find(ids[left], ids[place])
        heap.push(rules[left], at: left)
      }
      let after = next[place]
      rules[place] = after < count ? table.find(ids[place], ids[after]) : MergeTable.none
      heap.push(rules[place], at: place)
    }
    var kept = 0
    for index in 0..<count where ids[index] >= 0 {
      ids[kept] = ids[index]
      ends[kept] = ends[index]
      kept += 1
    }
    ids.removeLast(count - kept)
    ends.removeLast(count - kept)
  }

  /// Writes the symbols out as tokens of the original text.
  func emitAll(from start: Int, _ text: AlignedText, _ out: inout TokenRun) {
    var from = start
    for index in 0..<ids.count {
      emit(ids[index], from, ends[index], text, &out)
      from = ends[index]
    }
  }

  @inline(__always)
  func emit(_ id: Int32, _ start: Int, _ end: Int, _ text: AlignedText, _ out: inout TokenRun) {
    let last = max(end - 1, 0)
    let first = min(start, last)
    out.append(id, text.originalOffset(first), text.originalOffset(last) + 1)
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
        for child in [at * 2 + 1, at * 2 + 2] where child < items.count {
          if items[child] < items[least] { least = child }
        }
        if least == at { break }
        items.swapAt(at, least)
        at = least
      }
    }
    return (top >> 32, Int(top & 0xFFFF_FFFF))
  }
}
