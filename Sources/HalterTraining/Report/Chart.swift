/// A line chart as inline SVG, coloured by the style sheet of the page.
struct Chart {
  /// How a series is drawn; the style sheet has a class of the same name.
  enum Mark: String {
    /// A thin line of single values behind another.
    case raw
    /// A line of the first colour.
    case line
    /// A line of the second colour with a dot at each point.
    case points
    /// Dots without a line.
    case dots
  }

  struct Layer {
    let series: ChartSeries
    let mark: Mark
    /// The name in the legend; nil if the legend leaves it out.
    var legend: String?
  }

  let title: String
  let size: (width: Double, height: Double)
  let x: ChartAxis
  let y: ChartAxis
  let layers: [Layer]
  /// The values under the pointer: a step and the text to show there.
  var hints: [(step: Double, text: String)] = []
  /// What the horizontal axis counts.
  var xLabel = "step"

  private var margins: (left: Double, right: Double, top: Double, bottom: Double) {
    (52, 14, isLarge ? 34 : 12, isLarge ? 44 : 26)
  }
  private var isLarge: Bool { size.height > 240 }
  private var plotWidth: Double { size.width - margins.left - margins.right }
  private var plotHeight: Double { size.height - margins.top - margins.bottom }

  /// The chart as an `svg` element.
  var svg: String {
    let viewBox = "0 0 \(number(size.width)) \(number(size.height))"
    return """
      <svg viewBox="\(viewBox)" role="img" aria-label="\(HTMLText.escaped(title))">
      \(grid)\(layers.map(draw).joined())\(legend)\(hoverAreas)</svg>
      """
  }

  private func across(_ step: Double) -> Double { margins.left + x.share(of: step) * plotWidth }
  private func down(_ value: Double) -> Double {
    margins.top + (1 - y.share(of: value)) * plotHeight
  }

  private func number(_ value: Double) -> String {
    let text = Quantities.fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private var grid: String {
    let (left, right) = (number(margins.left), number(margins.left + plotWidth))
    let bottom = margins.top + plotHeight
    var svg = ""
    for tick in y.ticks {
      let height = number(down(tick))
      svg += "<line class=\"grid\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(height)\" "
      svg += "y2=\"\(height)\"/><text class=\"tick end\" x=\"\(number(margins.left - 8))\" "
      svg += "y=\"\(number(down(tick) + 4))\">\(y.label(tick))</text>\n"
    }
    for tick in x.ticks {
      let place = number(across(tick))
      svg += "<line class=\"axis\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(number(bottom))\" "
      svg += "y2=\"\(number(bottom + 4))\"/><text class=\"tick middle\" x=\"\(place)\" "
      svg += "y=\"\(number(bottom + 17))\">\(HTMLText.escaped(x.label(tick)))</text>\n"
    }
    svg += "<line class=\"axis\" x1=\"\(left)\" x2=\"\(right)\" y1=\"\(number(bottom))\" "
    svg += "y2=\"\(number(bottom))\"/>\n"
    if isLarge {
      svg += "<text class=\"label middle\" x=\"\(number(margins.left + plotWidth / 2))\" "
      svg += "y=\"\(number(size.height - 6))\">\(HTMLText.escaped(xLabel))</text>\n"
    }
    return svg
  }

  private func draw(_ layer: Layer) -> String {
    let places = layer.series.points.map { (across($0.step), down($0.value)) }
    guard let first = places.first else { return "" }
    let path = places.map { "\(number($0.0)) \(number($0.1))" }.joined(separator: "L")
    var svg = ""
    if layer.mark == .dots {
      return places.map { dot($0, radius: 3, mark: layer.mark) }.joined()
    }
    if places.count > 1 { svg += "<path class=\"\(layer.mark.rawValue)\" d=\"M\(path)\"/>\n" }
    if layer.mark == .points {
      for place in places { svg += dot(place, radius: 4, mark: layer.mark) }
    } else if places.count == 1 {
      svg += dot(first, radius: 3, mark: layer.mark)
    }
    return svg
  }

  private func dot(_ place: (Double, Double), radius: Int, mark: Mark) -> String {
    "<circle class=\"dot \(mark.rawValue)\" cx=\"\(number(place.0))\" cy=\"\(number(place.1))\" "
      + "r=\"\(radius)\"/>\n"
  }

  private var legend: String {
    var svg = ""
    var place = margins.left
    for layer in layers where !layer.series.points.isEmpty {
      guard let text = layer.legend else { continue }
      if layer.mark != .dots {
        svg += "<line class=\"key \(layer.mark.rawValue)\" x1=\"\(number(place))\" "
        svg += "x2=\"\(number(place + 18))\" y1=\"12\" y2=\"12\"/>"
      }
      if [.points, .dots].contains(layer.mark) {
        svg += dot((place + 9, 12), radius: layer.mark == .dots ? 3 : 4, mark: layer.mark)
      }
      svg += "<text class=\"label\" x=\"\(number(place + 25))\" y=\"16\">"
      svg += "\(HTMLText.escaped(text))</text>\n"
      place += 25 + Double(text.count) * 6.6 + 22
    }
    return svg
  }

  /// Strips across the plot: the one under the pointer shows a line and tells its values.
  private var hoverAreas: String {
    let places = hints.map { across($0.step) }
    return hints.indices.map { index in
      let place = places[index]
      let start = index == 0 ? margins.left : (places[index - 1] + place) / 2
      let end =
        index + 1 == places.count ? margins.left + plotWidth : (place + places[index + 1]) / 2
      let (top, bottom) = (number(margins.top), number(margins.top + plotHeight))
      return "<g class=\"hint\"><rect x=\"\(number(start))\" y=\"\(top)\" "
        + "width=\"\(number(max(0, end - start)))\" height=\"\(number(plotHeight))\"/>"
        + "<line x1=\"\(number(place))\" x2=\"\(number(place))\" y1=\"\(top)\" y2=\"\(bottom)\"/>"
        + "<title>\(HTMLText.escaped(hints[index].text))</title></g>\n"
    }.joined()
  }
}
