import HalterTraining

/// The console on stderr.
/// - Parameters:
///   - isQuiet: whether only warnings are shown.
///   - modelName: what `--model` must be given to use the result of a run.
///   - earlier: what a resumed run did before.
func console(
  isQuiet: Bool, modelName: String? = nil, earlier: RunRecord = RunRecord()
) -> ConsoleObserver {
  let terminal = Terminal()
  return ConsoleObserver(
    style: terminal.style(isQuiet: isQuiet), modelName: modelName, earlier: earlier,
    width: terminal.width, clock: terminal.clock, sink: showText)
}
