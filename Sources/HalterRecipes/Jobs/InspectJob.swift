import Foundation
import HalterAdapters
import HalterFormats
import HalterModels

/// What a weight file, a checkpoint or an adapter holds.
public struct Inspection: Sendable, Codable, Equatable {
  /// One tensor of the file.
  public struct Tensor: Sendable, Codable, Equatable {
    /// The name.
    public var name: String
    /// How the elements are stored.
    public var type: String
    /// The extents, outermost first.
    public var shape: [Int]
    /// The size in bytes.
    public var bytes: Int
  }

  /// The file or directory.
  public var path: String
  /// What it is: `checkpoint`, `adapter` or `weights`.
  public var kind: String
  /// Facts about it, in order: name and value.
  public var facts: [[String]]
  /// The tensors, in the order of the file.
  public var tensors: [Tensor]

  /// The number of elements of all tensors.
  public var elements: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }
  /// The size of all tensors in bytes.
  public var bytes: Int { tensors.reduce(0) { $0 + $1.bytes } }

  /// Looks into a `.gguf` or `.safetensors` file, a checkpoint directory or an adapter directory.
  /// - Throws: `FormatError`, `ModelError` or `AdapterError` if it is none of these or damaged.
  public init(_ url: URL) throws {
    path = url.path
    let file: any WeightFile
    if PEFTDirectory.isAdapter(url) {
      kind = "adapter"
      let c = try PEFTDirectory.configuration(in: url)
      file = try SafetensorsFile(url.appending(path: PEFTDirectory.weightsName))
      let settings = try ConfigFile(url.appending(path: PEFTDirectory.configurationName))
      facts = [
        ["base", try settings.string("base_model_name_or_path") ?? "not named"],
        ["adapter", c.family], ["rank", "\(c.rank)"],
        ["alpha", "\(c.alpha)"], ["dropout", "\(c.dropout)"], ["targets", Self.words(c.targets)],
      ]
    } else {
      file = try Weights.open(url)
      let isCheckpoint = file is GGUFFile || file is SafetensorsDirectory
      kind = isCheckpoint ? "checkpoint" : "weights"
      facts = isCheckpoint ? Self.geometry(try Checkpoint(url).configuration) : []
    }
    tensors = file.tensors.map {
      Tensor(name: $0.name, type: $0.type.rawValue, shape: $0.shape, bytes: $0.byteCount)
    }
  }

  private static func words(_ targets: LoRAConfiguration.Targets) -> String {
    switch targets {
    case .allLinear: "all-linear"
    case .names(let names): names.joined(separator: ", ")
    case .pattern(let pattern): pattern
    }
  }

  private static func geometry(_ c: LlamaConfiguration) -> [[String]] {
    [
      ["architecture", "llama"], ["vocabulary", "\(c.vocabularySize)"],
      ["hidden size", "\(c.hiddenSize)"], ["intermediate size", "\(c.intermediateSize)"],
      ["layers", "\(c.layers)"],
      ["heads", "\(c.heads) (\(c.kvHeads) key/value) of \(c.headDim)"],
      ["context", "\(c.contextLength) tokens"], ["rope theta", "\(c.ropeTheta)"],
      ["rope scaling", "\(c.ropeScaling)"], ["tied embeddings", "\(c.tiesEmbeddings)"],
    ]
  }
}
