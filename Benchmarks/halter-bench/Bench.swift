import ArgumentParser
import CPeaks
import Foundation
import HalterBackend

/// Checks, then times, the parts of a training step on this machine.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "halter-bench",
    abstract: "Times products and fused operations against what this machine can do at most.")

  @Option(help: "Threads; all cores when left out.") var threads: Int?
  @Option(help: "Timed calls of each operation; the median counts.") var rounds = 7
  @Option(help: "Also writes the figures here, as JSON.") var json: String?
  @Flag(help: "A few shapes only.") var quick = false
  @Flag(help: "Prints the machine's limits as JSON and times nothing else.") var peaks = false

  func run() throws {
    let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
    let timer = Timer(rounds: rounds)
    var report = Report(machine: Machine(threads: threads))
    if peaks { return print(String(decoding: try report.encoded(), as: UTF8.self)) }
    report.machine.print()
    report.rows += Products(threads: threads, timer: timer, quick: quick).rows(report.machine)
    report.rows += Operations(threads: threads, timer: timer, quick: quick).rows(report.machine)
    if let json { try report.encoded().write(to: URL(filePath: json), options: .atomic) }
  }
}

/// The machine and its measured limits.
struct Machine: Codable {
  var name: String
  var threads: Int
  var instructionSet: String
  /// GFLOP/s of fused multiply-adds in registers.
  var f32Peak: Double
  /// The same of bf16 dot products; 0 where there are none.
  var bf16Peak: Double
  /// The same with AVX2.
  var avx2Peak: Double
  /// GB/s of reading memory.
  var readBandwidth: Double

  init(threads: Int) {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    name =
      lines.split(separator: "\n").first { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }
      .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    self.threads = threads
    instructionSet = InstructionSet.best.name
    let avx512 = peak_gflops(PEAK_F32_AVX512, threads, 0.4)
    avx2Peak = peak_gflops(PEAK_F32_AVX2, threads, 0.4)
    f32Peak = max(avx512, avx2Peak)
    bf16Peak = peak_gflops(PEAK_BF16_AVX512, threads, 0.4)
    readBandwidth = peak_read_gbytes(threads, 0.4)
  }

  /// The arithmetic limit of products in a type.
  func peak(_ compute: ComputeType) -> Double {
    compute == .bf16 && bf16Peak > 0 ? bf16Peak : f32Peak
  }

  func print() {
    Swift.print(
      "\(name), \(threads) threads, \(instructionSet): "
        + "f32 \(Int(f32Peak)), bf16 \(Int(bf16Peak)), AVX2 \(Int(avx2Peak)) GFLOP/s; "
        + "reads \(Int(readBandwidth)) GB/s")
  }
}

/// One timed thing.
struct Row: Codable {
  var what: String
  var seconds: Double
  /// GFLOP/s of arithmetic that has to be done.
  var gflops: Double?
  /// GB/s of memory that has to be read and written.
  var gbytes: Double?
  /// The share of the limit that binds.
  var share: Double

  init(_ what: String, seconds: Double, flops: Double, peak: Double) {
    (self.what, self.seconds) = (what, seconds)
    gflops = flops / seconds / 1e9
    share = flops / seconds / 1e9 / peak
    print()
  }

  init(_ what: String, seconds: Double, bytes: Double, bandwidth: Double) {
    (self.what, self.seconds) = (what, seconds)
    gbytes = bytes / seconds / 1e9
    share = bytes / seconds / 1e9 / bandwidth
    print()
  }

  private func print() {
    let speed = gflops.map { "\(Int($0)) GFLOP/s" } ?? gbytes.map { "\(Int($0)) GB/s" } ?? ""
    let columns = [
      what.padding(toLength: 52, withPad: " ", startingAt: 0),
      String(format: "%9.3f ms", seconds * 1e3),
      speed.padding(toLength: 13, withPad: " ", startingAt: 0),
      String(format: "%3.0f %%", share * 100),
    ]
    Swift.print(columns.joined(separator: "  "))
  }
}

struct Report: Codable {
  var machine: Machine
  var rows: [Row] = []

  func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self)
  }
}

/// Medians of several calls.
struct Timer {
  let rounds: Int

  /// The median seconds of a call, after one that is not counted.
  func median(_ body: () -> Void) -> Double {
    body()
    let times = (0..<max(1, rounds)).map { _ in
      let start = ContinuousClock.now
      body()
      let elapsed = ContinuousClock.now - start
      return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    }
    return times.sorted()[times.count / 2]
  }
}
