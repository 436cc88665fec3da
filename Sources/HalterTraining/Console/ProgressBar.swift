/// A bar in half characters: `━━━━╸───`.
enum ProgressBar {
  /// The bar of a share, 0 to 1, in so many columns.
  static func text(share: Double, columns: Int, style: ConsoleStyle) -> String {
    let halves = Int((min(1, max(0, share)) * Double(2 * columns)).rounded(.down))
    let full = String(repeating: "━", count: halves / 2) + (halves % 2 == 1 ? "╸" : "")
    let rest = String(repeating: "─", count: columns - halves / 2 - halves % 2)
    return style.paint(full, .cyan) + style.paint(rest, .faint)
  }
}
