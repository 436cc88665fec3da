import Foundation
import HalterFormats

/// The report of a run: one HTML page with nothing outside it, no script, light or dark as the
/// reader's system is.
public enum HTMLReport {
  /// Makes `report.html` of a run from the other files of its directory, also of one that runs or
  /// was killed.
  /// - Throws: `FormatError` if `run.json` is missing, a file cannot be read, or the report cannot
  ///   be written.
  public static func write(directory: URL) throws(FormatError) {
    guard let run = try RunFiles.description(of: directory) else {
      throw FormatError(
        .notFound, "there is no \(RunFiles.description)",
        mend: "Give the directory of a run that got as far as its first step",
        path: directory.path)
    }
    let recipe = try RunFiles.contents(of: directory.appendingPathComponent(RunFiles.recipe))
    let record = try MetricsLog.read(directory: directory)
    let page = render(
      header: run.header,
      recipeText: recipe.map { String(decoding: $0, as: UTF8.self) } ?? "",
      steps: record.steps, evaluations: record.evaluations, samples: record.samples,
      summary: run.summary)
    try AtomicWrite.write(page, to: directory.appendingPathComponent(RunFiles.report))
  }

  /// The report as a page of HTML.
  /// - Parameters:
  ///   - header: what the run set out to do.
  ///   - recipeText: the resolved recipe; empty if there is none.
  ///   - steps: the steps taken, in order; may be empty, and losses need not be finite.
  ///   - evaluations: the evaluations, in order.
  ///   - samples: the answers to the fixed prompts, in order.
  ///   - summary: how the run ended; nil if it runs or was killed.
  /// - Returns: the page, from its document type to its end.
  public static func render(
    header: RunHeader, recipeText: String, steps: [StepMetrics],
    evaluations: [EvaluationMetrics], samples: [SampleText], summary: RunSummary?
  ) -> String {
    let figures = ReportFigures(
      header: header, steps: steps, evaluations: evaluations, summary: summary)
    let charts = ReportCharts(steps: steps, evaluations: evaluations, totalSteps: header.totalSteps)
    return page(
      header.name,
      figures.heading + figures.tiles + charts.lossFigure + charts.smallFigures
        + (ReportPreferences(evaluations)?.sections ?? "")
        + ReportSamples(samples: samples).section + figures.evaluationTable + figures.runTable
        + recipe(recipeText)
        + "<footer>Made by Halter from the files beside this page.</footer>")
  }

  /// What a reward model makes of a file of preferences, as a page of HTML.
  /// - Parameter title: which model and which file.
  public static func render(preferences: PreferenceReport, title: String) -> String {
    page(
      title,
      "<header>\n<p class=\"eyebrow\">preferences</p>\n<h1>\(HTMLText.escaped(title))</h1>\n"
        + "</header>\n" + ReportPreferences(preferences).sections
        + "<footer>Made by Halter.</footer>")
  }

  private static func page(_ title: String, _ content: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>\(HTMLText.escaped(title)) – Halter</title>
    <style>
    \(ReportStyle.sheet)</style>
    </head>
    <body>
    <main>
    \(content)
    </main>
    </body>
    </html>

    """
  }

  private static func recipe(_ text: String) -> String {
    guard !text.trimmed.isEmpty else { return "" }
    return section("Recipe", "<pre class=\"recipe\">\(HTMLText.recipe(text.trimmed))</pre>\n")
  }

  /// A part of the page under a heading.
  static func section(_ title: String, _ content: String) -> String {
    "<section>\n<h2>\(title)</h2>\n\(content)</section>\n"
  }
}
