import Foundation

/// Keeps `report.html` of a run up to date: with each checkpoint and at the end.
///
/// It reads the files of the run, so it must be told of an event after `MetricsLog` was.
public final class ReportObserver: RunObserver {
  private let directory: URL

  /// An observer for the run in a directory.
  public init(directory: URL) {
    self.directory = directory
  }

  /// Writes the report if the event calls for it.
  /// - Throws: `FormatError` if a file cannot be read or the report cannot be written.
  public func observe(_ event: RunEvent) throws {
    switch event {
    case .saved, .ended: try HTMLReport.write(directory: directory)
    default: break
    }
  }
}
