import Foundation
import HalterData
import Testing

@testable import HalterTraining

@Suite struct PreparationLineTests {
  private let stage = ConsoleTests.Stage()
  private let gigabyte = 1 << 30

  private func progress(
    _ share: Double, phase: PreparationProgress.Phase = .tokenizing
  ) -> PreparationProgress {
    PreparationProgress(
      phase: phase, bytesDone: Int(share * Double(3 * gigabyte)), bytesTotal: 3 * gigabyte,
      rows: phase == .checking ? 0 : Int(share * 1_000_000))
  }

  @Test func aTerminalHasABarWithTheTimeLeft() {
    let console = stage.console(terminal: true)
    stage.width = 120
    stage.time = 5
    console.observe(.preparing("train", progress(0)))
    _ = stage.taken()
    stage.time = 35
    console.observe(.preparing("train", progress(0.25)))
    #expect(
      stage.taken() == "\r━━━━━━━╸──────────────────────  tokenising train  1 min 30 s left"
        + "  25.6 MiB/s  250,000 rows  768.0 MiB of 3.00 GiB\u{1B}[K")
    // No more than ten a second.
    stage.time = 35.05
    console.observe(.preparing("train", progress(0.2501)))
    #expect(stage.taken().isEmpty)
  }

  @Test(arguments: 1...130) func theLineFitsTheTerminal(width: Int) {
    let console = stage.console(terminal: true)
    stage.width = width
    console.observe(.preparing("train", progress(0)))
    stage.time = 30
    console.observe(.preparing("train", progress(0.5)))
    for line in stage.output.split(separator: "\r") {
      #expect(line.replacing("\u{1B}[K", with: "").count < max(2, width))
    }
  }

  @Test func aLogHasALineEveryTenSeconds() {
    let console = stage.console()
    for tenth in 0...400 {
      stage.time = Double(tenth) / 10
      console.observe(.preparing("train", progress(Double(tenth) / 400)))
    }
    let lines = stage.output.split(separator: "\n")
    #expect(lines.count == 4)
    #expect(
      lines[0]
        == "25 %  tokenising train  30 s left  76.8 MiB/s  250,000 rows  768.0 MiB of 3.00 GiB")
    #expect(!stage.output.contains("\u{1B}"))
  }

  @Test func eachPassHasItsOwnPace() {
    let console = stage.console()
    console.observe(.preparing("train", progress(0, phase: .checking)))
    stage.time = 100
    console.observe(.preparing("train", progress(0)))
    stage.time = 111
    console.observe(.preparing("train", progress(0.5)))
    #expect(stage.output.contains("50 %  tokenising train  11 s left"), "\(stage.output)")
    _ = stage.taken()
    console.observe(.preparing("validation", progress(0)))
    #expect(stage.taken().isEmpty)
  }

  @Test func notesStayAndQuietConsolesHaveNone() {
    let console = stage.console(terminal: true)
    console.observe(.note("train: 8 rows from the cache"))
    #expect(stage.taken() == "  train: 8 rows from the cache\n")
    let quiet = stage.console(quiet: true)
    quiet.observe(.note("train: 8 rows from the cache"))
    quiet.observe(.preparing("train", progress(0.5)))
    #expect(stage.taken().isEmpty)
  }
}
