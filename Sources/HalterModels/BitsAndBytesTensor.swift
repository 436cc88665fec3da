import Foundation
import HalterBackend
import HalterFormats

/// A matrix of a checkpoint that bitsandbytes has quantised, as `save_pretrained` lays it down: the
/// codes under the matrix's own name, and beside them scales and what else belongs to them.
///
/// 4 bits (Dettmers et al. 2023): `NAME` with two codes in a byte, `NAME.absmax`, `NAME.quant_map`,
/// the JSON `NAME.quant_state.bitsandbytes__nf4` (or `__fp4`), and, where the scales are quantised
/// themselves, `NAME.nested_absmax` and `NAME.nested_quant_map`. 8 bits (Dettmers et al. 2022):
/// `NAME` of signed bytes and `SCB` with the largest magnitude of each row.
struct BitsAndBytesTensor {
  /// The format of the codes.
  let format: ElementFormat
  private let name: String
  private let rows: Int
  private let columns: Int
  private let file: any WeightFile
  private let codes: TensorRecord
  /// The settings of 4-bit codes.
  private let state: State?

  private struct State {
    let block: Int
    let nested: (block: Int, offset: Float)?
  }

  private static let stateName = ".quant_state.bitsandbytes__"

  /// The matrix under a name; nil if it is not quantised.
  /// - Throws: `FormatError` naming the tensor that is missing or does not fit.
  init?(named name: String, rows: Int, columns: Int, in file: any WeightFile) throws {
    self.name = name
    self.rows = rows
    self.columns = columns
    self.file = file
    if let record = file.record(named: name), record.type == .i8 {
      (format, codes, state) = (.int8, record, nil)
      try check(record, [rows, columns])
      return
    }
    for format in [ElementFormat.nf4, .fp4] {
      guard let record = file.record(named: name + Self.stateName + format.rawValue) else {
        continue
      }
      self.format = format
      codes = try file.require(name)
      state = try Self.state(record, format, shape: [rows, columns], in: file)
      guard codes.byteCount == (rows * columns + 1) / 2 else {
        throw FormatError(
          .mismatch,
          "has \(codes.byteCount) bytes, \(rows)×\(columns) codes of 4 bits take "
            + "\((rows * columns + 1) / 2)", mend: Self.mend, path: file.url.path, tensor: name)
      }
      return
    }
    if let record = file.record(named: name), record.type == .u8 {
      throw FormatError(
        .missing,
        "holds bytes, and there is no \(name)\(Self.stateName)nf4 (or fp4) to read them by",
        mend: "Save the checkpoint again with transformers' save_pretrained", path: file.url.path,
        tensor: name)
    }
    return nil
  }

  private static let mend = "The checkpoint is damaged; fetch it again"

  private static func state(
    _ record: TensorRecord, _ format: ElementFormat, shape: [Int], in file: any WeightFile
  ) throws -> State {
    let place = "\(file.url.path): '\(record.name)'"
    let json = try file.withSpan(of: record) { try ConfigFile(parsing: $0, path: place) }
    func wrong(_ text: String) -> FormatError {
      FormatError(.mismatch, text, mend: mend, path: file.url.path, tensor: record.name)
    }
    let type = try json.require("quant_type", json.string("quant_type"))
    guard type == format.rawValue else {
      throw wrong("says quant_type \"\(type)\", its name says \(format.rawValue)")
    }
    let found = try json.integers("shape")
    guard found == shape else {
      throw wrong("says shape \(found), the configuration says \(shape)")
    }
    let block = try json.require("blocksize", json.integer("blocksize"))
    guard WeightQuantization.blocks.contains(block) else {
      throw wrong("says blocksize \(block), expected a power of two from 32 to 4096")
    }
    guard let nestedBlock = try json.integer("nested_blocksize") else {
      return State(block: block, nested: nil)
    }
    let offset = try json.require("nested_offset", json.number("nested_offset"))
    guard nestedBlock > 0, nestedBlock <= 1 << 20, Float(offset).isFinite else {
      throw wrong("says nested_blocksize \(nestedBlock), nested_offset \(offset)")
    }
    return State(block: block, nested: (nestedBlock, Float(offset)))
  }

  /// The format of a quantised matrix and what it takes in memory; nil if it is not quantised.
  static func memory(of name: String, in file: any WeightFile) -> (format: String, bytes: Int)? {
    guard let codes = file.record(named: name) else { return nil }
    if codes.type == .i8 {
      return (ElementFormat.int8.rawValue, codes.byteCount + 4 * (codes.shape.first ?? 0))
    }
    for format in [ElementFormat.nf4, .fp4]
    where file.record(named: name + stateName + format.rawValue) != nil {
      let pieces = [".absmax", ".nested_absmax", ".nested_quant_map"]
      let scales = pieces.reduce(0) { $0 + (file.record(named: name + $1)?.byteCount ?? 0) }
      return (format.rawValue, codes.byteCount + scales)
    }
    return nil
  }

  // MARK: - Reading

  /// The matrix on a device, its codes as they are in the file.
  /// - Throws: `FormatError` naming what is missing or damaged.
  func stored(on backend: any Backend) throws -> StoredWeights {
    let values = copy(codes, on: backend)
    let scales: StoredWeights.Scales
    if let state {
      try checkMap(on: backend)
      scales = try self.scales(state, on: backend)
    } else {
      // `model.layers.0.mlp.up_proj.weight` has its scales in `model.layers.0.mlp.up_proj.SCB`.
      let prefix = name.hasSuffix(".weight") ? String(name.dropLast("weight".count)) : name + "."
      scales = .plain(try numbers(prefix + "SCB", rows, on: backend))
    }
    return StoredWeights(
      format: format, rows: rows, columns: columns, values: values, scales: scales,
      block: state?.block ?? 64)
  }

  private func scales(_ state: State, on backend: any Backend) throws -> StoredWeights.Scales {
    let count = (rows * columns + state.block - 1) / state.block
    guard let nested = state.nested else {
      return .plain(try numbers(name + ".absmax", count, on: backend))
    }
    let codes = try file.require(name + ".absmax")
    try check(codes, [count], type: .u8)
    return .quantized(
      .init(
        codes: copy(codes, on: backend),
        map: try numbers(name + ".nested_quant_map", 256, on: backend),
        nested: try numbers(
          name + ".nested_absmax", (count + nested.block - 1) / nested.block, on: backend),
        block: nested.block, offset: nested.offset))
  }

  /// The values of the codes are part of the file, and always the same.
  private func checkMap(on backend: any Backend) throws {
    let record = try file.require(name + ".quant_map")
    let map = try numbers(record.name, 16, on: backend).read(Float.self, count: 16)
    guard zip(map, format.codeValues).allSatisfy({ abs($0 - $1) < 1e-6 }) else {
      throw FormatError(
        .unsupported, "holds other values than those of \(format.rawValue)",
        mend: "Quantise the 16-bit checkpoint anew", path: file.url.path, tensor: record.name)
    }
  }

  private func copy(_ record: TensorRecord, on backend: any Backend) -> Buffer {
    let buffer = backend.allocate(byteCount: max(1, record.byteCount))
    file.withSpan(of: record) { buffer.write($0) }
    file.release(record)
    return buffer
  }

  private func numbers(_ name: String, _ count: Int, on backend: any Backend) throws -> Buffer {
    let record = try file.require(name)
    try check(record, [count], type: .f32)
    let buffer = copy(record, on: backend)
    guard backend.sumOfSquares(buffer, count: count).isFinite else {
      throw FormatError(
        .malformed, "holds values that are not finite (NaN or infinity)", mend: Self.mend,
        path: file.url.path, tensor: name)
    }
    return buffer
  }

  private func check(
    _ record: TensorRecord, _ shape: [Int], type: StorageType? = nil
  ) throws(FormatError) {
    let type = type ?? record.type
    guard record.type == type, record.shape == shape else {
      throw FormatError(
        .mismatch,
        "is \(record.type.rawValue) of shape \(record.shape), expected \(type.rawValue) "
          + "of \(shape)", mend: Self.mend, path: file.url.path, tensor: record.name)
    }
  }

  // MARK: - Writing

  /// The tensors that stand for 4-bit weights in a file; nil for other weights.
  /// - Parameter dtype: the type that the weights had, by its name in torch.
  static func pieces(
    of stored: StoredWeights, named name: String, dtype: String
  ) -> [TensorSource]? {
    guard stored.format == .nf4 || stored.format == .fp4, let scales = stored.scales else {
      return nil
    }
    let bytes = (stored.rows * stored.columns + 1) / 2
    let count = (stored.rows * stored.columns + stored.block - 1) / stored.block
    func floats(_ suffix: String, _ buffer: Buffer, _ count: Int) -> TensorSource {
      TensorSource(name + suffix, shape: [count], floats: buffer.read(Float.self, count: count))
    }
    func copied(_ suffix: String, _ buffer: Buffer, _ shape: [Int]) -> TensorSource {
      TensorSource(name + suffix, .u8, shape: shape) {
        buffer.read(UInt8.self, count: shape.reduce(1, *))
      }
    }
    var state =
      "{\"quant_type\": \"\(stored.format.rawValue)\", \"blocksize\": \(stored.block), "
      + "\"dtype\": \"\(dtype)\", \"shape\": [\(stored.rows), \(stored.columns)]"
    var pieces = [copied("", stored.values, [bytes, 1])]
    pieces.append(
      TensorSource(name + ".quant_map", shape: [16], floats: stored.format.codeValues))
    switch scales {
    case .plain(let buffer): pieces.append(floats(".absmax", buffer, count))
    case .quantized(let scales):
      state +=
        ", \"nested_blocksize\": \(scales.block), \"nested_dtype\": \"float32\", "
        + "\"nested_offset\": \(scales.offset)"
      pieces += [
        copied(".absmax", scales.codes, [count]),
        floats(".nested_absmax", scales.nested, (count + scales.block - 1) / scales.block),
        floats(".nested_quant_map", scales.map, 256),
      ]
    }
    let json = Array((state + "}").utf8)
    pieces.append(
      TensorSource(
        name + stateName + stored.format.rawValue, .u8, shape: [json.count], bytes: json))
    return pieces
  }
}
