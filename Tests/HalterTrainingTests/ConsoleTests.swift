import Foundation
import Testing

@testable import HalterTraining

@Suite struct ConsoleTests {
  /// A console whose output is kept and whose clock is set by hand.
  final class Stage {
    var time = 0.0
    var output = ""
    var width = 80

    func console(
      terminal: Bool = false, color: Bool = false, quiet: Bool = false,
      modelName: String? = "smollm2"
    ) -> ConsoleObserver {
      ConsoleObserver(
        style: ConsoleStyle(isTerminal: terminal, usesColor: color, isQuiet: quiet),
        modelName: modelName, width: { self.width }, clock: { self.time },
        sink: { self.output += $0 })
    }

    /// What has been written since the last call.
    func taken() -> String {
      defer { output = "" }
      return output
    }
  }

  let stage = Stage()

  @Test func theHeaderSaysWhatWillHappen() {
    stage.console().observe(.started(RunSample.header(notes: ["2 rows too long"])))
    #expect(
      stage.output == """
        sft-lora  sft
          model      smollm2 (Llama)
          adapter    LoRA r=16 alpha=32
          training   4.9M parameters, 3.6 % of the model's 134.5M weights
          data       293 rows (messages), 52 more for validation
                     2 rows too long
          tokens     41.2k an epoch, 24.1k of them trained
          lengths    ≤64: 293  longest 61
          steps      100 in 3 epochs
          device     CPU, 2 threads
          directory  runs/sft-lora


        """)
  }

  @Test func theHeaderOfAFullAndResumedRun() {
    stage.console().observe(.started(RunSample.header(resumedFrom: 40, adapter: nil)))
    #expect(!stage.output.contains("adapter"))
    #expect(stage.output.contains("  training   all 134.5M weights\n"))
    #expect(stage.output.contains("  steps      100 in 3 epochs, resumed after step 40\n"))
  }

  @Test func aLogHasAPlainLineForAStep() {
    let console = stage.console()
    console.observe(.started(RunSample.header(steps: 20)))
    _ = stage.taken()
    stage.time = 2
    console.observe(.stepped(RunSample.step(1)))
    #expect(
      stage.taken() == """
          first step in 2.0 s, 1.00 GiB of memory, about 38 s to go
        step  1/20  epoch 0.03  loss 1.5000  lr 2.00e-4  grad 0.80  1,000 tok/s  38 s left

        """)
    stage.time = 4
    console.observe(.stepped(RunSample.step(2, loss: 0.5)))
    #expect(
      stage.taken()
        == "step  2/20  epoch 0.06  loss 0.5000  lr 2.00e-4  grad 0.80  1,000 tok/s  36 s left\n")
  }

  @Test(arguments: [1, 7, 50, 51, 381, 10_000])
  func aLogHasAboutFiftyLinesForTheSteps(total: Int) {
    let console = stage.console()
    console.observe(.started(RunSample.header(steps: total)))
    for step in 1...total { console.observe(.stepped(RunSample.step(step))) }
    let lines = stage.output.split(separator: "\n").filter { $0.hasPrefix("step ") }
    #expect(lines.count <= 52)
    #expect(lines.count >= min(total, 25))
    #expect(lines.last?.contains("\(total)/\(total)") == true)
  }

  @Test func aLogHasNoEscapeCodes() throws {
    let console = stage.console()
    for event in RunScript.events { console.observe(event) }
    #expect(!stage.output.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\r" })
    #expect(stage.output.contains("Loading smollm2 …\n"))
  }

  @Test func aTerminalRedrawsItsLineInPlace() {
    let console = stage.console(terminal: true)
    console.observe(.started(RunSample.header(steps: 4)))
    stage.time = 2
    console.observe(.stepped(RunSample.step(1)))
    _ = stage.taken()
    stage.time = 4
    console.observe(.stepped(RunSample.step(2, loss: 0.5)))
    #expect(
      stage.taken()
        == "\r━━━━━━╸──────  2/4  loss 1.0000  lr 2.00e-4  grad 0.80  "
        + "1,000 tok/s  4.0 s left\u{1B}[K")
  }

  @Test func aFastRunIsNotRedrawnAtEachStep() {
    let console = stage.console(terminal: true)
    console.observe(.started(RunSample.header(steps: 4)))
    stage.time = 1
    console.observe(.stepped(RunSample.step(1)))
    _ = stage.taken()
    stage.time = 1.05
    console.observe(.stepped(RunSample.step(2)))
    #expect(stage.taken().isEmpty)
    stage.time = 1.2
    console.observe(.stepped(RunSample.step(3)))
    #expect(stage.taken().contains("3/4"))
    console.observe(.stepped(RunSample.step(4)))
    #expect(stage.taken().contains("4/4"))
  }

  @Test func theWidthIsAskedForAtEachDrawing() {
    let console = stage.console(terminal: true)
    console.observe(.started(RunSample.header(steps: 4)))
    stage.width = 30
    console.observe(.stepped(RunSample.step(1)))
    let line = stage.output.split(separator: "\r").last ?? ""
    #expect(TerminalText.width(line.replacing("\u{1B}[K", with: "")) < 30)
  }

  @Test func anEvaluationStaysAboveTheLine() {
    let console = stage.console(terminal: true)
    console.observe(.started(RunSample.header(steps: 4)))
    console.observe(.evaluated(RunSample.evaluation(0, loss: 2.5)))
    console.observe(.stepped(RunSample.step(1)))
    console.observe(.evaluating(done: 3, of: 52))
    #expect(stage.taken().hasSuffix("\revaluating  3/52 rows\u{1B}[K"))
    console.observe(.evaluated(RunSample.evaluation(1, loss: 1.25)))
    let text = stage.taken()
    #expect(
      text.hasPrefix(
        "\r\u{1B}[K  validation loss 1.2500  perplexity 3.49  step 1  −50.0 %  best so far\n\r━"))
  }

  @Test func evaluationsAreComparedWithTheFirst() {
    let console = stage.console()
    console.observe(.evaluated(RunSample.evaluation(0, loss: 2)))
    console.observe(.evaluated(RunSample.evaluation(10, loss: 1)))
    console.observe(.evaluated(RunSample.evaluation(20, loss: 1.5)))
    #expect(
      stage.output == """
          validation loss 2.0000  perplexity 7.39  before training
          validation loss 1.0000  perplexity 2.72  step 10  −50.0 %  best so far
          validation loss 1.5000  perplexity 4.48  step 20  −25.0 %

        """)
  }

  @Test func samplesAreShownUnderTheirPrompt() {
    let console = stage.console()
    console.observe(.started(RunSample.header()))
    _ = stage.taken()
    console.observe(.sampled(RunSample.sample(0, prompt: "What\nis it?", text: "It is\nthis.")))
    console.observe(.sampled(RunSample.sample(0, prompt: "Why?", text: " ", stopped: false)))
    #expect(
      stage.output == """
          answers before training
          › What is it?
            It is
            this.
          › Why?
            (no text)

        """)
  }

  @Test func longSamplesAreShortened() {
    let console = stage.console()
    let text = Array(repeating: "word", count: 500).joined(separator: " ")
    console.observe(.sampled(RunSample.sample(0, text: text)))
    let lines = stage.output.split(separator: "\n")
    #expect(lines.count == 8)
    #expect(lines.last?.hasSuffix(" …") == true)
    #expect(lines.allSatisfy { TerminalText.width($0) < 80 })
  }

  @Test func aSampleCannotMoveTheCursor() {
    stage.console().observe(.sampled(RunSample.sample(0, text: "\u{1B}[2Jgone\u{8}")))
    #expect(!stage.output.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{8}" })
  }

  @Test func warningsAreShownEvenWhenQuiet() {
    let console = stage.console(quiet: true)
    for event in RunScript.events { console.observe(event) }
    #expect(
      stage.output == """
        warning: the disk is nearly full

        """)
  }

  @Test func colourIsUsedOnlyWhereWanted() {
    let plain = stage.console(terminal: true, color: false)
    for event in RunScript.events { plain.observe(event) }
    #expect(!stage.taken().replacing("\u{1B}[K", with: "").contains("\u{1B}"))
    let colored = stage.console(terminal: true, color: true)
    colored.observe(.warning("x"))
    #expect(stage.output == "\u{1B}[33mwarning:\u{1B}[0m x\n")
  }

  @Test func theEnvironmentChoosesTheStyle() {
    func style(_ environment: [String: String], terminal: Bool = true) -> ConsoleStyle {
      ConsoleStyle(environment: environment, isTerminal: terminal)
    }
    #expect(style([:]) == ConsoleStyle(isTerminal: true, usesColor: true))
    #expect(style(["NO_COLOR": "1"]) == ConsoleStyle(isTerminal: true, usesColor: false))
    #expect(style(["NO_COLOR": ""]) == ConsoleStyle(isTerminal: true, usesColor: true))
    #expect(style(["TERM": "dumb"]) == ConsoleStyle(isTerminal: false, usesColor: false))
    #expect(style([:], terminal: false) == ConsoleStyle(isTerminal: false, usesColor: false))
  }

  @Test func theWidthHasADefault() {
    #expect(ConsoleStyle.width(environment: [:], terminal: nil) == 80)
    #expect(ConsoleStyle.width(environment: ["COLUMNS": "120"], terminal: nil) == 120)
    #expect(ConsoleStyle.width(environment: ["COLUMNS": "120"], terminal: 99) == 99)
    #expect(ConsoleStyle.width(environment: ["COLUMNS": "wide"], terminal: 0) == 80)
  }

  @Test func clearingTakesTheLineAway() {
    let console = stage.console(terminal: true)
    console.observe(.stage("Loading"))
    #expect(stage.taken() == "\rLoading …\u{1B}[K")
    console.clear()
    #expect(stage.taken() == "\r\u{1B}[K")
    console.clear()
    #expect(stage.taken().isEmpty)
  }

  @Test func theSummarySaysWhereEverythingIs() {
    let console = stage.console()
    console.observe(.started(RunSample.header()))
    console.observe(.sampled(RunSample.sample(0, prompt: "What?", text: "Dunno.")))
    console.observe(.sampled(RunSample.sample(100, prompt: "What?", text: "This.")))
    _ = stage.taken()
    console.observe(.ended(RunSample.summary(skipped: 2)))
    #expect(
      stage.output == """

        › What?
          before  Dunno.
          after   This.

        Finished 100 steps in 3 min 20 s
          validation loss  2.5000 → 1.2500  (−50.0 %), best 1.2000 at step 80
          speed            1,000 tokens/s, evaluations included
          peak memory      1.50 GiB
          skipped steps    2, loss or gradient not finite
          run directory    runs/sft-lora
          adapter          runs/sft-lora/final
          report           runs/sft-lora/report.html

        Ask it something:
          halter generate --model smollm2 --adapter runs/sft-lora/final 'What?'

        Talk with it:
          halter chat --model smollm2 --adapter runs/sft-lora/final

        Take it away, merged into the model:
          halter export runs/sft-lora --merge --format safetensors --output runs/sft-lora/merged

        """)
  }

  @Test func anInterruptedRunSaysHowToGoOn() {
    let console = stage.console()
    console.observe(.started(RunSample.header(steps: 100, directory: "runs/my run/")))
    _ = stage.taken()
    console.observe(.ended(RunSample.summary(.interrupted, step: 42)))
    #expect(
      stage.output.contains(
        "Interrupted after step 42 of 100, in 3 min 20 s; all of it is saved\n"))
    #expect(
      stage.output.hasSuffix(
        "Go on where it stopped:\n  halter run 'runs/my run/recipe.yaml' --resume 'runs/my run'\n"))
    #expect(!stage.output.contains("generate"))
  }

  @Test func aFullyTrainedModelIsUsedByItself() {
    let console = stage.console()
    console.observe(.started(RunSample.header(adapter: nil)))
    _ = stage.taken()
    console.observe(.ended(RunSample.summary()))
    #expect(stage.output.contains("halter chat --model runs/sft-lora/final\n"))
    #expect(!stage.output.contains("--merge"))
  }

  @Test func wordsAreQuotedForTheShell() {
    #expect(NextCommands.quoted("runs/a-1_b.c") == "runs/a-1_b.c")
    #expect(NextCommands.quoted("it's $HOME") == "'it'\\''s $HOME'")
    #expect(NextCommands.quoted("") == "''")
  }

  @Test func aSkippedStepHasNoLineOfItsOwn() {
    let console = stage.console()
    console.observe(.started(RunSample.header(steps: 20)))
    _ = stage.taken()
    console.observe(.stepped(RunSample.step(1, loss: .nan, skipped: true)))
    #expect(stage.taken().isEmpty)
    console.observe(.stepped(RunSample.step(2)))
    #expect(stage.output.contains("first step in 2.0 s"))
    #expect(stage.output.contains("step  2/20"))
  }

  @Test func aResumedRunIsComparedWithItsBeginning() {
    let earlier = RunRecord(
      evaluations: [RunSample.evaluation(0, loss: 2), RunSample.evaluation(40, loss: 0.5)],
      samples: [RunSample.sample(0, text: "Dunno.")])
    let console = ConsoleObserver(
      style: ConsoleStyle(isTerminal: false, usesColor: false), earlier: earlier,
      clock: { 0 }, sink: { stage.output += $0 })
    console.observe(.started(RunSample.header(resumedFrom: 40)))
    _ = stage.taken()
    console.observe(.evaluated(RunSample.evaluation(60, loss: 1)))
    #expect(stage.taken() == "  validation loss 1.0000  perplexity 2.72  step 60  −50.0 %\n")
    console.observe(.sampled(RunSample.sample(100, text: "This.")))
    console.observe(.ended(RunSample.summary()))
    #expect(stage.output.contains("  before  Dunno.\n  after   This.\n"))
    #expect(stage.output.contains("halter chat --model MODEL --adapter runs/sft-lora/final"))
  }

  @Test func theLastAnswersAreShownOnce() {
    let console = stage.console()
    console.observe(.started(RunSample.header()))
    console.observe(.sampled(RunSample.sample(0, text: "Dunno.")))
    console.observe(.sampled(RunSample.sample(100, text: "Exactly this.")))
    console.observe(.ended(RunSample.summary()))
    #expect(stage.output.components(separatedBy: "Exactly this.").count == 2)
  }
}

/// A short run with everything in it.
enum RunScript {
  static var events: [RunEvent] {
    [
      .stage("Loading smollm2"), .started(RunSample.header(steps: 3)),
      .evaluating(done: 1, of: 2), .evaluated(RunSample.evaluation(0, loss: 2)),
      .sampled(RunSample.sample(0)), .stepped(RunSample.step(1)),
      .stepped(RunSample.step(2, loss: .nan, skipped: true)),
      .warning("the disk is nearly full"), .stepped(RunSample.step(3)),
      .evaluated(RunSample.evaluation(3)), .sampled(RunSample.sample(3, text: "That.")),
      .saved(URL(fileURLWithPath: "/runs/checkpoints/step-3"), step: 3),
      .ended(RunSample.summary(step: 3)),
    ]
  }
}
