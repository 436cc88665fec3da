import Foundation

extension WeightFile {
  /// The numbers of a tensor of a plain floating-point type, widened to f32: for small tensors.
  /// - Throws: `FormatError` for other types.
  public func floats(of record: TensorRecord) throws(FormatError) -> [Float] {
    let count = record.elementCount
    let type = record.type
    guard [.f32, .f16, .bf16].contains(type) else {
      throw FormatError(
        .unsupported, "is stored as \(type.rawValue), expected f32, f16 or bf16", path: url.path,
        tensor: record.name)
    }
    return withBytes(of: record) { bytes in
      (0..<count).map { index in
        switch type {
        case .f16:
          Float(
            Float16(bitPattern: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
        case .bf16:
          Float(
            bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
              << 16)
        default: bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
        }
      }
    }
  }
}
