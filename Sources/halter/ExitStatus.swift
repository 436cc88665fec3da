import ArgumentParser
import Foundation
import HalterAdapters
import HalterBackend
import HalterData
import HalterFormats
import HalterHub
import HalterModels
import HalterRecipes
import HalterTokenizers
import HalterTraining

/// Exit codes: 0 done, 64 usage, 65 bad input, 66 missing file, 70 our bug, 73 cannot create,
/// 74 input or output failed, 130 interrupted after saving.
enum ExitStatus {
  /// Ends the process with the message and the code of an error.
  static func end(_ error: any Error) -> Never {
    if error is ExitCode || error is CleanExit || error is ValidationError {
      Halter.exit(withError: error)
    }
    guard let code = code(of: error) else {
      // What is left are errors of the argument parser, which writes them itself.
      if Halter.exitCode(for: error) != .failure { Halter.exit(withError: error) }
      report("internal error: \(error)\nPlease report this with the command that led to it.")
      Foundation.exit(70)
    }
    report("\(error)")
    Foundation.exit(code)
  }

  /// Writes a message to stderr.
  static func report(_ message: String) {
    showText("halter: \(message)\n")
  }

  private static func code(of error: any Error) -> Int32? {
    switch error {
    case let error as RecipeErrors: error.onlyMissingFiles ? 66 : 65
    case let error as HubError: error.exitCode
    case let error as DataError:
      switch error.code {
      case .missingFile: 66
      case .unreadable: 74
      case .malformed, .misfit, .tooLong, .untrainable: 65
      }
    case let error as FormatError:
      switch error.code {
      case .notFound: 66
      case .noSpace, .readOnly, .fileExists, .permissionDenied: 73
      case .io: 74
      case .truncated, .malformed, .unsupported, .mismatch, .missing, .wrongType: 65
      case .invalidArgument: 64
      }
    case let error as TokenizerError:
      switch error.kind {
      case .missingFile: 66
      case .cannotWrite: 73
      case .malformed, .unsupported, .template: 65
      }
    case is ModelError, is AdapterError, is TrainingError: 65
    case is OutputError: 74
    case is InstructionSetError: 64
    case let error as PagedMemoryError: error.cause == .refused ? 74 : 73
    case is PreparationInterrupted: 130
    case let error as CocoaError where error.isFileError: 74
    default: nil
    }
  }
}
