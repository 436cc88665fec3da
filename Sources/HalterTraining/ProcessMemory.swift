import Foundation

/// The memory of this process, as the system accounts for it.
public struct ProcessMemory: Sendable, Equatable {
  /// Resident now, in bytes; 0 where the system does not tell.
  public let resident: Int
  /// The most that was ever resident, in bytes; 0 where the system does not tell.
  public let peak: Int

  /// Asks the system.
  public static var current: ProcessMemory {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return ProcessMemory(resident: 0, peak: 0)
    }
    func value(_ key: String) -> Int {
      for line in status.split(separator: "\n") where line.hasPrefix(key + ":") {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        return words.count > 1 ? (Int(words[1]) ?? 0) * 1024 : 0
      }
      return 0
    }
    return ProcessMemory(resident: value("VmRSS"), peak: value("VmHWM"))
  }
}
