import Foundation
import HalterFormats

// The head of a classifier, such as a reward model, that PEFT saves whole beside the factors of an
// adapter (`task_type` SEQ_CLS).
extension PEFTDirectory {
  /// The heads that PEFT saves with the adapter of a classifier, without being asked.
  private static let heads = ["classifier", "score"]

  /// The values of a head `[1, size]` that is saved in an adapter; nil where there is none.
  /// - Parameter name: the name of its weight in the base model, as `score.weight`.
  /// - Throws: `FormatError` or `AdapterError` if the file is damaged or the head has another
  ///   shape.
  public static func head(_ name: String, size: Int, in directory: URL) throws -> [Float]? {
    let url = directory.appending(path: weightsName)
    let file = try SafetensorsFile(url)
    guard let record = file.record(named: prefix + name) else { return nil }
    guard record.shape == [1, size] else {
      throw AdapterError(
        path: url.path, "\(record.name) has shape \(record.shape), expected [1, \(size)]",
        mend: "A reward model has one label; or the adapter was made for another base model")
    }
    let values = try file.floats(of: record)
    guard values.allSatisfy(\.isFinite) else {
      throw AdapterError(
        path: url.path, "\(record.name) holds values that are not finite",
        mend: "Take an earlier checkpoint")
    }
    return values
  }

  /// Whether an adapter says that it is a classifier's.
  /// - Throws: `FormatError` if the configuration is damaged.
  public static func isClassifier(_ directory: URL) throws -> Bool {
    let file = try ConfigFile(directory.appending(path: configurationName))
    return try file.string("task_type") == "SEQ_CLS"
  }

  /// The base model that an adapter says it was made for; nil where it does not say.
  /// - Throws: `FormatError` if the configuration is damaged.
  public static func base(of directory: URL) throws -> String? {
    try ConfigFile(directory.appending(path: configurationName))
      .string("base_model_name_or_path")
  }

  /// Other modules than a head, trained whole, have no place here.
  static func checkSavedModules(_ file: ConfigFile) throws {
    guard !file.isOff("modules_to_save") else { return }
    let modules =
      file.isList("modules_to_save") ? try file.strings("modules_to_save") : ["modules_to_save"]
    if let stranger = modules.first(where: { !heads.contains($0) }) {
      throw AdapterError(
        path: file.path, "modules_to_save has \(stranger), which is not supported",
        mend: "The head of a classifier, score, is the only module that is read whole")
    }
  }

  /// Says what to do with the adapter of a reward model where a language model is wanted.
  static func refuseHead(_ name: String, in url: URL) throws(AdapterError) {
    guard heads.contains(where: { name == "\(prefix)\($0).weight" }) else { return }
    throw AdapterError(
      path: url.path, "holds \(name), the head of a reward model, which writes no text",
      mend: "Use it with `halter score`")
  }

  /// The module that a weight belongs to.
  static func module(ofWeight name: String) -> String {
    name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
  }
}
