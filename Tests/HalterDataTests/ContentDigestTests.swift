import Foundation
import HalterRandom
import HalterTokenizers
import Testing

@testable import HalterData

@Suite struct ContentDigestTests {
  private let place = RowLocation(file: "rows.jsonl", line: 1)

  private func digest(_ pairs: (Message.Role, String)...) -> ContentDigest {
    ContentDigest(
      .conversation(
        Conversation(
          messages: pairs.map { Message(role: $0.0, content: $0.1) }, location: place)))
  }

  private func first(_ name: String, _ text: String) throws -> ContentDigest {
    let folder = try ScratchFolder()
    try folder.write(name, text)
    return ContentDigest(try #require(try examples(folder.source(name)).first))
  }

  @Test func itIsTheStartOfSHA256() {
    // printf '\\4\\0\\0\\0text\\1\\0\\0\\0a' | sha256sum
    let digest = ContentDigest(.text(TextDocument(text: "a", location: place)))
    #expect(digest == ContentDigest(high: 0xA124_3AB0_A9C6_0B88, low: 0x8D3A_D7BF_0B32_7429))
  }

  @Test func whereAndHowARowIsWrittenDoesNotMatter() throws {
    let plain = try first("a.jsonl", #"{"prompt": "a", "completion": "b"}"#)
    #expect(
      try first("b.jsonl", "\n" + #"{ "id": 7, "completion":"\u0062", "prompt" : "a"}"#) == plain)
    #expect(try first("a.csv", "id,prompt,completion\n1,a,b\n") == plain)
    #expect(
      try first(
        "a.json",
        #"[{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}]"#
      )
        == plain)
    #expect(try first("c.jsonl", #"{"prompt": "\n a ", "completion": "b\r\n"}"#) == plain)
  }

  @Test func whatARowSaysMatters() {
    let all = [
      digest((.user, "a"), (.assistant, "b")), digest((.user, "a"), (.assistant, "B")),
      digest((.user, "b"), (.assistant, "a")), digest((.system, "a"), (.assistant, "b")),
      digest((.user, "ab"), (.assistant, "")), digest((.user, ""), (.assistant, "ab")),
      digest((.user, "a")), digest((.user, "a"), (.assistant, "b"), (.user, "")),
      digest((.user, "a\n\nb"), (.assistant, "b")), digest((.user, "a\nb"), (.assistant, "b")),
      digest((.user, "a\rb"), (.assistant, "b")), digest((.user, "é"), (.assistant, "b")),
      digest((.user, "e\u{301}"), (.assistant, "b")),
    ]
    #expect(Set(all).count == all.count)
    #expect(digest((.user, "a\r\nb"), (.assistant, "b")) == all[9])
  }

  @Test func judgementsCountAndMarginsDoNot() {
    func pair(_ margin: Double?) -> ContentDigest {
      ContentDigest(
        .preference(
          PreferencePair(
            prompt: [Message(role: .user, content: "a")],
            chosen: [Message(role: .assistant, content: "b")],
            rejected: [Message(role: .assistant, content: "c")], margin: margin, location: place)))
    }
    func judged(_ isDesirable: Bool) -> ContentDigest {
      ContentDigest(
        .judged(
          JudgedAnswer(
            prompt: [Message(role: .user, content: "a")],
            completion: [Message(role: .assistant, content: "b")], isDesirable: isDesirable,
            location: place)))
    }
    #expect(pair(1) == pair(nil))
    #expect(judged(true) != judged(false))
  }

  @Test func aSetHoldsWhatWasPutIn() {
    var random = RandomStream(seed: 3)
    var set = DigestSet()
    var mine: Set<ContentDigest> = []
    for round in 0..<20_000 {
      // Few different first bits and last bits, so that tables fill unevenly and collide.
      let digest = ContentDigest(
        high: random.next() & 0x0300_0000_0000_00FF, low: random.next() & 0xFF00_0000_0000_0003)
      #expect(set.contains(digest) == mine.contains(digest))
      let (isNew, isMine) = (set.insert(digest), mine.insert(digest).inserted)
      #expect(isNew == isMine, "round \(round)")
    }
    #expect(set.count == mine.count)
    _ = set.insert(ContentDigest(high: 0, low: 0))
    #expect(set.contains(ContentDigest(high: 0, low: 0)))
  }
}
