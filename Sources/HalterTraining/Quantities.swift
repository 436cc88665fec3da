import Foundation

/// Numbers as people read them, the same on the console and in the report.
public enum Quantities {
  /// A number with a fixed count of digits after the point; `–` for what is not finite.
  public static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "–" }
    let text = String(format: "%.\(max(0, digits))f", value)
    // Rounding can leave a minus before nothing but zeros.
    guard text.hasPrefix("-"), !text.contains(where: { ("1"..."9").contains($0) }) else {
      return text
    }
    return String(text.dropFirst())
  }

  /// A count in at most five characters: `950`, `1.2k`, `134.5M`, `7.00B`.
  public static func count(_ value: Int) -> String {
    let magnitude = Double(value.magnitude)
    let sign = value < 0 ? "-" : ""
    for (unit, suffix, digits) in [(1e9, "B", 2), (1e6, "M", 1), (1e3, "k", 1)]
    where (magnitude / unit) >= 0.99995 {
      return sign + fixed(magnitude / unit, digits) + suffix
    }
    return "\(value)"
  }

  /// A count with all its digits, grouped by commas: `1,234,567`.
  public static func grouped(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// A size in binary units: `512 B`, `98.1 MiB`, `1.20 GiB`.
  public static func bytes(_ value: Int) -> String {
    let size = Double(value)
    for (shift, suffix, digits) in [(40, "TiB", 2), (30, "GiB", 2), (20, "MiB", 1), (10, "KiB", 1)]
    where value >= 1 << shift {
      return fixed(size / Double(1 << shift), digits) + " " + suffix
    }
    return "\(value) B"
  }

  /// A time span with two units at most: `0.84 s`, `45 s`, `3 min 20 s`, `1 h 02 min`, `2 d 03 h`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "–" }
    let span = max(0, seconds)
    if span < 0.995 { return fixed(span, 2) + " s" }
    if span < 9.95 { return fixed(span, 1) + " s" }
    guard span < 1e12 else { return "–" }
    let whole = Int(span.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(padded(whole % 60)) s" }
    let minutes = Int((span / 60).rounded())
    if minutes < 24 * 60 { return "\(minutes / 60) h \(padded(minutes % 60)) min" }
    let hours = Int((span / 3600).rounded())
    return "\(hours / 24) d \(padded(hours % 24)) h"
  }

  /// Three digits, with an exponent where the number is small or large: `2.00e-4`, `0.0123`,
  /// `0.83`, `12.3`, `1.2e+5`.
  public static func short(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    let magnitude = value.magnitude
    switch magnitude {
    case 0: return "0"
    case ..<0.01: return scientific(value, digits: 2)
    case ..<0.1: return fixed(value, 3)
    case ..<10: return fixed(value, 2)
    case ..<100: return fixed(value, 1)
    case ..<100_000: return fixed(value, 0)
    default: return scientific(value, digits: 1)
    }
  }

  /// A learning rate: `2.00e-4`, `0`.
  public static func learningRate(_ value: Double) -> String {
    value == 0 ? "0" : scientific(value, digits: 2)
  }

  /// A share of one in percent: `0.27 %`, `3.6 %`, `100 %`.
  public static func share(_ part: Double, of whole: Double) -> String {
    guard whole > 0, part.isFinite, whole.isFinite else { return "–" }
    let percent = 100 * part / whole
    return fixed(percent, percent < 1 ? 2 : percent < 99.95 ? 1 : 0) + " %"
  }

  /// The change from one value to another in percent, with its sign: `−47.4 %`, `+3.0 %`.
  public static func change(from before: Double, to after: Double) -> String {
    guard before.isFinite, after.isFinite, before != 0 else { return "–" }
    let percent = fixed((100 * (after - before) / before.magnitude).magnitude, 1)
    if percent == "0.0" { return "±0.0 %" }
    return (after < before ? "−" : "+") + percent + " %"
  }

  /// The perplexity of a mean loss in nats.
  public static func perplexity(_ loss: Double) -> String {
    short(exp(loss))
  }

  private static func scientific(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return "–" }
    let text = String(format: "%.\(digits)e", value)
    guard let mark = text.firstIndex(of: "e"),
      let exponent = Int(text[text.index(after: mark)...])
    else { return text }
    return text[..<mark] + "e" + (exponent > 0 ? "+" : "") + String(exponent)
  }

  private static func padded(_ value: Int) -> String {
    value < 10 ? "0\(value)" : "\(value)"
  }
}
