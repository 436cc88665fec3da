import Foundation
import HalterFormats

/// Everything that the rows of a cache follow from. Equal keys mean equal rows.
public struct TokenCacheKey: Sendable, Equatable, Codable {
  /// One thing that the rows follow from.
  public struct Part: Sendable, Equatable, Codable {
    /// A short name without spaces, unique in the key: `tokenizer`.
    public let name: String
    /// What a message calls it: `the tokenizer`.
    public let title: String
    /// Its value; a checksum where it is long.
    public let value: String

    /// A part.
    public init(name: String, title: String, value: String) {
      self.name = name
      self.title = title
      self.value = value
    }
  }

  /// The parts in order.
  public let parts: [Part]

  /// A key from its parts.
  public init(_ parts: [Part]) {
    self.parts = parts
  }

  /// The version of the way from a row's text to its tokens and weights. It is raised whenever the
  /// same row, settings and tokenizer would give other tokens or weights than before.
  public static let pipelineVersion = 3

  /// The key of the rows that an encoder makes of some sources.
  /// - Parameters:
  ///   - sources: each source with the SHA-256 of its bytes, in order.
  ///   - encoder: the way from examples to rows.
  ///   - deduplication: what becomes of rows that stand there already.
  ///   - others: the identity of the rows that these are held against, if any are.
  public init(
    sources: [(source: DataSource, sha256: String)], encoder: ExampleEncoder,
    deduplication: Deduplication = .none, apartFrom others: String? = nil
  ) {
    var parts = [
      Part(
        name: "pipeline", title: "the way rows are tokenised",
        value: String(Self.pipelineVersion))
    ]
    for (index, (source, sum)) in sources.enumerated() {
      parts.append(
        Part(
          name: "source.\(index)", title: "the settings of \(source.name)",
          of: source.settings))
      parts.append(
        Part(
          name: "source.\(index).sha256", title: "the content of \(source.name)", value: sum))
    }
    parts.append(
      Part(name: "deduplicate", title: "deduplicate", value: deduplication.rawValue))
    if let others {
      parts.append(
        Part(name: "others", title: "the rows that these are held against", value: others))
    }
    self.init(parts + encoder.keyParts)
  }

  /// SHA-256 of the names and values of all parts, in hexadecimal: what a cache file is called.
  public var digest: String {
    // Each text follows its length, so that no two lists run together to the same bytes.
    let texts = parts.flatMap { [$0.name, $0.value] }
    return Checksum.sha256(of: texts.flatMap { "\($0.utf8.count):\($0)".utf8 })
  }

  /// What differs from an earlier key, in words and in order, each once.
  public func changes(since earlier: TokenCacheKey) -> [String] {
    let before = Dictionary(earlier.parts.map { ($0.name, $0.value) }) { first, _ in first }
    let names = Set(parts.map(\.name))
    let changed = parts.filter { before[$0.name] != $0.value }
    let gone = earlier.parts.filter { !names.contains($0.name) }
    var titles: [String] = []
    for part in changed + gone where !titles.contains(part.title) { titles.append(part.title) }
    return titles
  }
}

extension TokenCacheKey.Part {
  /// A part whose value is written down as JSON: every stored property counts, also one that is
  /// added later.
  init(name: String, title: String, of value: some Encodable) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // What is encoded are structs of texts and finite numbers, which have no way to fail.
    let text = (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
    self.init(name: name, title: title, value: text ?? "\(value)")
  }
}
