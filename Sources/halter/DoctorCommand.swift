import ArgumentParser
import HalterRecipes
import HalterTraining

/// `halter doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Measures what this machine can do.",
    discussion: "Example:\n  halter doctor")

  @Flag(name: .long, help: "Print one JSON object.")
  var json = false

  func run() throws {
    let doctor = Doctor(in: try workplace())
    if json { return try printJSON(doctor) }
    try printLine("instruction sets   \(doctor.instructionSets.joined(separator: ", "))")
    try printLine("in use             \(doctor.instructionSet)")
    try printLine("cores              \(doctor.cores)")
    try printLine("threads            \(doctor.threads)")
    try printLine("libraries          \(doctor.libraries.joined(separator: "; "))")
    try printLine("memory             \(Quantities.bytes(doctor.memoryBytes))")
    try printLine("available          \(Quantities.bytes(doctor.availableBytes))")
    try printLine("f32 products       \(Int(doctor.gemmGFlops)) GFLOP/s")
    try printLine("bf16 products      \(Int(doctor.bf16GemmGFlops)) GFLOP/s")
    try printLine("compute: auto      \(doctor.compute)")
    try printLine("memory copy        \(Int(doctor.memoryGBPerSecond)) GB/s")
    try printLine("model cache        \(doctor.cache)")
  }
}
