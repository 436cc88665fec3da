/// The answers to the fixed prompts, before and after side by side.
struct ReportSamples {
  let samples: [SampleText]

  /// The part of the page; empty without samples.
  var section: String {
    var prompts: [String] = []
    var answers: [String: [SampleText]] = [:]
    for sample in samples {
      if answers[sample.prompt] == nil { prompts.append(sample.prompt) }
      answers[sample.prompt, default: []].append(sample)
    }
    guard !prompts.isEmpty else { return "" }
    let items = prompts.map { item($0, answers[$0] ?? []) }
    return HTMLReport.section("Answers before and after", items.joined())
  }

  private func item(_ prompt: String, _ answers: [SampleText]) -> String {
    guard let first = answers.first, let last = answers.last else { return "" }
    var html = "<article>\n<h3>\(HTMLText.escaped(prompt))</h3>\n<div class=\"pair\">\n"
    html += card(first, kind: "before")
    if answers.count > 1 { html += card(last, kind: "after") }
    html += "</div>\n"
    let between = answers.dropFirst().dropLast()
    if !between.isEmpty {
      html += "<details><summary>\(between.count) in between</summary>\n"
      html += between.map { card($0, kind: "between") }.joined() + "</details>\n"
    }
    return html + "</article>\n"
  }

  private func card(_ sample: SampleText, kind: String) -> String {
    let moment = sample.step == 0 ? "before training" : "after step \(sample.step)"
    let text = sample.text.trimmed
    let shown = text.isEmpty ? "<em>no text</em>" : HTMLText.escaped(text)
    let rest =
      sample.stopped ? "" : "<span class=\"cut\" title=\"cut at the token limit\"> …</span>"
    return "<div class=\"answer \(kind)\"><p class=\"moment\">\(moment)</p>"
      + "<blockquote>\(shown)\(rest)</blockquote></div>\n"
  }
}
