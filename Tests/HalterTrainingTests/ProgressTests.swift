import Foundation
import Testing

@testable import HalterTraining

@Suite struct ProgressTests {
  @Test(arguments: [
    (0, "0"), (950, "950"), (1000, "1.0k"), (1234, "1.2k"), (999_940, "999.9k"),
    (999_999, "1.0M"), (134_515_008, "134.5M"), (6_738_415_616, "6.74B"), (-1500, "-1.5k"),
  ])
  func countsAreShort(value: Int, text: String) {
    #expect(Quantities.count(value) == text)
  }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-12_345, "-12,345"),
  ])
  func groupedCountsKeepTheirDigits(value: Int, text: String) {
    #expect(Quantities.grouped(value) == text)
  }

  @Test(arguments: [
    (0.0, "0.00 s"), (0.84, "0.84 s"), (0.999, "1.0 s"), (9.94, "9.9 s"), (9.96, "10 s"),
    (45, "45 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (3599.6, "1 h 00 min"),
    (3720, "1 h 02 min"), (86_399, "1 d 00 h"), (183_600, "2 d 03 h"), (-5, "0.00 s"),
    (.nan, "–"), (.infinity, "–"), (1e300, "–"),
  ])
  func durationsHaveTwoUnits(seconds: Double, text: String) {
    #expect(Quantities.duration(seconds) == text)
  }

  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (102_865_306, "98.1 MiB"),
    (1 << 30, "1.00 GiB"), (5 << 40, "5.00 TiB"),
  ])
  func sizesAreBinary(value: Int, text: String) {
    #expect(Quantities.bytes(value) == text)
  }

  @Test(arguments: [
    (0.0, "0"), (0.000_2, "2.00e-4"), (0.0123, "0.012"), (0.834, "0.83"), (12.34, "12.3"),
    (-3.14159, "-3.14"), (1234.5, "1234"), (1.23e7, "1.2e+7"), (.nan, "–"),
  ])
  func numbersHaveThreeDigits(value: Double, text: String) {
    #expect(Quantities.short(value) == text)
  }

  @Test func zeroHasNoSign() {
    #expect(Quantities.fixed(-0.001, 2) == "0.00")
    #expect(Quantities.fixed(-0.006, 2) == "-0.01")
  }

  @Test func changesAreSigned() {
    #expect(Quantities.change(from: 2, to: 1) == "−50.0 %")
    #expect(Quantities.change(from: 2, to: 2.06) == "+3.0 %")
    #expect(Quantities.change(from: 2, to: 2.0001) == "±0.0 %")
    #expect(Quantities.change(from: 0, to: 1) == "–")
    #expect(Quantities.change(from: 1, to: .nan) == "–")
  }

  @Test func sharesHaveTheDigitsTheyNeed() {
    #expect(Quantities.share(4_884_480, of: 134_515_008) == "3.6 %")
    #expect(Quantities.share(27, of: 10_000) == "0.27 %")
    #expect(Quantities.share(1, of: 1) == "100 %")
    #expect(Quantities.share(1, of: 0) == "–")
  }

  @Test func theLossIsSmoothedOverTenSteps() {
    var progress = RunProgress(total: 100, resumedFrom: nil)
    #expect(progress.loss == nil)
    for step in 1...12 { progress.note(RunSample.step(step, loss: Double(step)), at: 0) }
    #expect(progress.loss == 7.5)
  }

  @Test func skippedStepsDoNotTouchTheNumbers() {
    var progress = RunProgress(total: 100, resumedFrom: nil)
    progress.note(RunSample.step(1, loss: 3), at: 0)
    progress.note(RunSample.step(2, loss: .nan, skipped: true), at: 0)
    #expect(progress.loss == 3)
    #expect(progress.step == 2)
    #expect(progress.skipped == 1)
  }

  @Test func whatIsLeftFollowsTheClock() {
    var progress = RunProgress(total: 12, resumedFrom: 2)
    #expect(progress.secondsLeft == nil)
    progress.note(RunSample.step(3, seconds: 2), at: 10)
    #expect(progress.secondsLeft == 18)
    // An evaluation of 4 s came between: 8 s for two steps.
    progress.note(RunSample.step(4, seconds: 2), at: 16)
    #expect(progress.secondsLeft == 32)
  }

  @Test func theBarFillsByHalves() {
    let style = ConsoleStyle(isTerminal: true, usesColor: false)
    func bar(_ step: Int) -> String {
      var progress = RunProgress(total: 8, resumedFrom: nil)
      progress.note(RunSample.step(step), at: 2)
      let text = ProgressLine(progress: progress).text(columns: 200, style: style)
      return String(text.prefix { "━╸─".contains($0) })
    }
    #expect(bar(4) == String(repeating: "━", count: 15) + String(repeating: "─", count: 15))
    #expect(bar(2) == "━━━━━━━╸" + String(repeating: "─", count: 22))
    #expect(bar(8) == String(repeating: "━", count: 30))
  }

  @Test(arguments: 1...120)
  func theLineNeverExceedsTheWidth(columns: Int) {
    var progress = RunProgress(total: 1_000_000, resumedFrom: nil)
    progress.note(RunSample.step(123_456, loss: 12.3456), at: 1e6)
    let style = ConsoleStyle(isTerminal: true, usesColor: false)
    let text = ProgressLine(progress: progress).text(columns: columns, style: style)
    #expect(TerminalText.width(text) <= columns)
    #expect(!text.isEmpty)
  }

  @Test func aNarrowLineDropsWhatMattersLeast() {
    var progress = RunProgress(total: 100, resumedFrom: nil)
    progress.note(RunSample.step(10), at: 2)
    let style = ConsoleStyle(isTerminal: true, usesColor: false)
    let line = ProgressLine(progress: progress)
    #expect(line.text(columns: 100, style: style).contains("grad 0.80"))
    let narrow = line.text(columns: 60, style: style)
    #expect(!narrow.contains("grad") && !narrow.contains("lr"))
    #expect(narrow.contains("loss 1.5000") && narrow.contains("1,000 tok/s"))
  }

  @Test func wideCharactersCountTwice() {
    #expect(TerminalText.width("日本") == 4)
    #expect(TerminalText.truncated("日本語", to: 5) == "日本…")
    #expect(TerminalText.truncated("abc", to: 3) == "abc")
    #expect(TerminalText.truncated("abcd", to: 3) == "ab…")
    #expect(TerminalText.truncated("abc", to: 0) == "")
  }

  @Test func textIsWrappedAtSpaces() {
    #expect(TerminalText.wrapped("one two three", to: 8) == ["one two", "three"])
    #expect(TerminalText.wrapped("a\n\nb", to: 8) == ["a", "", "b"])
    #expect(TerminalText.wrapped("abcdefghijkl", to: 8) == ["abcdefgh", "ijkl"])
    #expect(TerminalText.wrapped("", to: 8) == [""])
  }

  @Test func escapeCodesOfAModelAreDefused() {
    let text = TerminalText.harmless("a\u{1B}[31mred\u{7}\r\n\tb\u{202E}c")
    #expect(text == "a\u{FFFD}[31mred\u{FFFD}\n  b\u{FFFD}c")
  }
}
