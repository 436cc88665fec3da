import Foundation
import HalterJSON

/// The weights in a checkpoint directory: one safetensors file, or the shards that its index
/// names, presented as one file.
public struct SafetensorsDirectory: WeightFile {
  /// The directory that was opened.
  public let url: URL
  /// Every tensor; shard by shard in the order of their names. A record's offset counts from the
  /// start of its own shard.
  public let tensors: [TensorRecord]
  /// The files that hold the tensors.
  public let shards: [SafetensorsFile]
  private let positions: [String: Position]

  private struct Position {
    let shard: Int
    let tensor: Int
  }

  /// Opens `<name>.safetensors` in `directory` or, where there is none, the shards listed in
  /// `<name>.safetensors.index.json`.
  /// - Throws: `FormatError`; one that names every missing shard when some are missing.
  public init(_ directory: URL, name: String = "model") throws(FormatError) {
    let single = directory.appendingPathComponent("\(name).safetensors")
    let index = directory.appendingPathComponent("\(name).safetensors.index.json")
    let manager = FileManager.default
    var weightMap: [String: String]?
    let shards: [SafetensorsFile]
    if manager.fileExists(atPath: single.path) {
      shards = [try SafetensorsFile(single)]
    } else if manager.fileExists(atPath: index.path) {
      let map = try SafetensorsDirectory.readIndex(index)
      weightMap = map
      shards = try SafetensorsDirectory.open(Set(map.values).sorted(), in: directory, index: index)
    } else {
      throw SafetensorsDirectory.nothingFound(in: directory, name: name)
    }
    var tensors: [TensorRecord] = []
    var positions: [String: Position] = [:]
    for (number, shard) in shards.enumerated() {
      for record in shard.tensors {
        // The index decides which shard a tensor is read from, should two hold one of its name.
        if let weightMap, weightMap[record.name] != shard.url.lastPathComponent { continue }
        positions[record.name] = Position(shard: number, tensor: tensors.count)
        tensors.append(record)
      }
    }
    for (tensor, shard) in weightMap ?? [:] where positions[tensor] == nil {
      throw FormatError(
        .missing, "the index says that this tensor is in \(shard), but it is not",
        mend: "Fetch that file and the index again", path: index.path, tensor: tensor)
    }
    url = directory
    self.shards = shards
    self.tensors = tensors
    self.positions = positions
  }

  private static func readIndex(_ index: URL) throws(FormatError) -> [String: String] {
    let file = try MappedFile(index)
    guard file.size <= SafetensorsFile.longestHeader else {
      throw FormatError(
        .malformed, "the index has \(file.size) bytes, far more than an index needs",
        path: index.path)
    }
    let json = try file.withBytes { (bytes: UnsafeRawBufferPointer) throws(FormatError) in
      try JSONValue(parsing: bytes, path: index.path)
    }
    func malformed(_ message: String, _ value: JSONValue) -> FormatError {
      .malformedJSON(message, path: index.path, offset: value.offset)
    }
    guard let members = json.object?["weight_map"]?.object else {
      throw malformed("it has no object 'weight_map'", json)
    }
    var map: [String: String] = [:]
    for member in members {
      guard let file = member.value.string else {
        throw malformed("found \(member.value.kindInWords), expected a file name", member.value)
      }
      // A name from outside must not lead out of the directory.
      guard !file.isEmpty, !file.contains("/"), !file.contains("\0"), file != "..", file != "."
      else {
        throw malformed("'\(FormatError.shortened(file))' is not a plain file name", member.value)
      }
      map[member.key] = file
    }
    guard !map.isEmpty else { throw malformed("its 'weight_map' is empty", json) }
    return map
  }

  private static func open(
    _ names: [String], in directory: URL, index: URL
  ) throws(FormatError) -> [SafetensorsFile] {
    let missing = names.filter {
      !FileManager.default.fileExists(atPath: directory.appendingPathComponent($0).path)
    }
    guard missing.isEmpty else {
      let list = missing.prefix(5).joined(separator: ", ") + (missing.count > 5 ? ", …" : "")
      throw FormatError(
        .notFound, "\(missing.count) of \(names.count) shards are missing: \(list)",
        mend: "Fetch the missing files into the same directory", path: index.path)
    }
    var shards: [SafetensorsFile] = []
    for name in names {
      shards.append(try SafetensorsFile(directory.appendingPathComponent(name)))
    }
    return shards
  }

  private static func nothingFound(in directory: URL, name: String) -> FormatError {
    let manager = FileManager.default
    guard let names = try? manager.contentsOfDirectory(atPath: directory.path) else {
      return FormatError(
        .notFound, "there is no such directory", mend: "Check the path", path: directory.path)
    }
    let pickled = names.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".pth") }
    return FormatError(
      .notFound, "found neither \(name).safetensors nor \(name).safetensors.index.json",
      mend: pickled
        ? "Its weights are Python pickles, which are never opened; save them as safetensors first"
        : "Give the directory of a checkpoint that was saved as safetensors",
      path: directory.path)
  }

  /// The tensor called `name`, or `nil`.
  public func record(named name: String) -> TensorRecord? {
    positions[name].map { tensors[$0.tensor] }
  }

  private func shard(of record: TensorRecord) -> SafetensorsFile {
    guard let position = positions[record.name] else {
      preconditionFailure("SafetensorsDirectory: '\(record.name)' is no tensor of \(url.path)")
    }
    return shards[position.shard]
  }

  /// Hands the bytes of a tensor of this checkpoint to `body`; they may be unaligned.
  public func withBytes<R, E: Error>(
    of record: TensorRecord, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try shard(of: record).withBytes(of: record, body)
  }

  /// Lets the kernel drop the tensor's pages until they are read again.
  public func release(_ record: TensorRecord) {
    shard(of: record).release(record)
  }
}
