/// The pages of something that were used of late, so many at most.
///
/// A page that is looked up gets a second chance: the hand of a clock goes round, takes the chance
/// from those that have it and replaces the first that has none. This comes close to throwing out
/// the least recently used page, at a cost that does not grow with their number.
struct RecentPages<Page> {
  private struct Slot {
    var number: Int
    var page: Page
    var hasSecondChance: Bool
  }

  let capacity: Int
  private var slots: [Slot] = []
  private var places: [Int: Int] = [:]
  private var hand = 0

  /// An empty memory of at least one page.
  init(capacity: Int) {
    self.capacity = max(1, capacity)
  }

  /// The page with a number, if it is here.
  mutating func find(_ number: Int) -> Page? {
    guard let place = places[number] else { return nil }
    slots[place].hasSecondChance = true
    return slots[place].page
  }

  /// Remembers a page that is not here, in the place of another if there are too many.
  mutating func insert(_ page: Page, as number: Int) {
    let slot = Slot(number: number, page: page, hasSecondChance: false)
    guard slots.count == capacity else {
      places[number] = slots.count
      slots.append(slot)
      return
    }
    while slots[hand].hasSecondChance {
      slots[hand].hasSecondChance = false
      hand = (hand + 1) % capacity
    }
    places[slots[hand].number] = nil
    places[number] = hand
    slots[hand] = slot
    hand = (hand + 1) % capacity
  }
}
