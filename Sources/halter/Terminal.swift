import Foundation
import HalterTraining

/// The terminal that messages go to, if stderr is one.
struct Terminal {
  private let environment = ProcessInfo.processInfo.environment
  private let start = ContinuousClock.now

  /// How messages may look.
  func style(isQuiet: Bool) -> ConsoleStyle {
    ConsoleStyle(
      environment: environment, isTerminal: isatty(STDERR_FILENO) == 1, isQuiet: isQuiet)
  }

  /// The columns of a line.
  func width() -> Int {
    var size = winsize()
    let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return ConsoleStyle.width(
      environment: environment, terminal: isKnown ? Int(size.ws_col) : nil)
  }

  /// Seconds since the terminal was looked at.
  func clock() -> Double {
    let elapsed = (ContinuousClock.now - start).components
    return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }
}
