internal import CHDF5
import Foundation

extension HDF5Reader {
  /// Reads a line of texts, of fixed or of any length; what is not UTF-8 becomes U+FFFD.
  /// - Parameters:
  ///   - name: the path of the dataset.
  ///   - range: which of them; all when nil. It must lie within the dataset.
  /// - Throws: `FormatError` with code `missing`, `wrongType` when it is not a line of texts, or
  ///   `malformed`.
  public func texts(
    _ name: String, in range: Range<Int>? = nil
  ) throws(FormatError) -> [String] {
    try textBytes(name, in: range).map { String(decoding: $0, as: UTF8.self) }
  }

  /// As `texts`, but the bytes that are stored, which may be no UTF-8.
  func textBytes(
    _ name: String, in range: Range<Int>?
  ) throws(FormatError) -> [[UInt8]] {
    let description = try dataset(name)
    let path = url.path
    return try withDataset(description) { (dataset: hid_t) throws(FormatError) -> [[UInt8]] in
      let type = H5Dget_type(dataset)
      defer { H5Tclose(type) }
      guard H5Tget_class(type) == H5T_STRING, description.shape.count == 1 else {
        throw FormatError(
          .wrongType, "the dataset is not a line of texts", path: path, tensor: name)
      }
      let all = 0..<(try HDF5Reader.checkedCount(description, of: dataset, path: path))
      let range = range ?? all
      precondition(
        range.clamped(to: all) == range, "HDF5Reader: \(range) of \(all.count) texts")
      guard !range.isEmpty else { return [] }
      let inFile = HDF5Library.select(range, of: dataset)
      let inMemory = H5Screate_simple(1, [UInt64(range.count)], nil)
      defer {
        H5Sclose(inFile)
        H5Sclose(inMemory)
      }
      func read(_ type: hid_t, into buffer: UnsafeMutableRawPointer?) throws(FormatError) {
        guard H5Dread(dataset, type, inMemory, inFile, hid_t(H5P_DEFAULT), buffer) >= 0 else {
          throw HDF5Library.failure("read the dataset", path: path, dataset: name)
        }
      }
      if H5Tis_variable_str(type) > 0 {
        var texts = [UnsafeMutablePointer<CChar>?](repeating: nil, count: range.count)
        defer { H5Dvlen_reclaim(type, inMemory, hid_t(H5P_DEFAULT), &texts) }
        try read(type, into: &texts)
        return texts.map { text in
          text.map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
        }
      }
      let width = H5Tget_size(type)
      let (size, overflow) = width.multipliedReportingOverflow(by: range.count)
      guard width > 0, !overflow, size / 1100 <= H5Dget_storage_size(dataset) else {
        throw FormatError(
          .malformed, "texts of \(width) bytes do not fit the file", path: path, tensor: name)
      }
      var bytes = [UInt8](repeating: 0, count: size)
      try read(type, into: &bytes)
      return range.indices.map { index in
        let start = (index - range.lowerBound) * width
        return Array(bytes[start..<start + width].prefix { $0 != 0 })
      }
    }
  }

  /// The text attribute `key` of a group or dataset, or `nil` if there is none.
  /// - Throws: `FormatError` with code `missing` if the object does not exist, `wrongType` if the
  ///   attribute is not one text.
  public func attribute(
    _ key: String, on object: String = "/"
  ) throws(FormatError) -> String? {
    let path = url.path
    let file = file
    return try HDF5Library.perform { () throws(FormatError) -> String? in
      let target = H5Oopen(file, object, hid_t(H5P_DEFAULT))
      guard target >= 0 else {
        H5Eclear2(hid_t(H5E_DEFAULT))
        throw FormatError(.missing, "there is no such object", path: path, tensor: object)
      }
      defer { H5Oclose(target) }
      guard H5Aexists(target, key) > 0 else { return nil }
      let attribute = H5Aopen(target, key, hid_t(H5P_DEFAULT))
      guard attribute >= 0 else {
        throw HDF5Library.failure("open the attribute", path: path, dataset: key)
      }
      defer { H5Aclose(attribute) }
      return try HDF5Reader.text(of: attribute, key: key, path: path)
    }
  }

  private static func text(
    of attribute: hid_t, key: String, path: String
  ) throws(FormatError) -> String {
    let type = H5Aget_type(attribute)
    let space = H5Aget_space(attribute)
    defer {
      H5Tclose(type)
      H5Sclose(space)
    }
    guard H5Tget_class(type) == H5T_STRING, H5Sget_simple_extent_npoints(space) == 1 else {
      throw FormatError(
        .wrongType, "the attribute is not one text", path: path, tensor: key)
    }
    if H5Tis_variable_str(type) > 0 {
      var text: UnsafeMutablePointer<CChar>?
      guard H5Aread(attribute, type, &text) >= 0 else {
        throw HDF5Library.failure("read the attribute", path: path, dataset: key)
      }
      defer { H5free_memory(text) }
      return text.map { String(cString: $0) } ?? ""
    }
    var bytes = [UInt8](repeating: 0, count: H5Tget_size(type))
    guard H5Aread(attribute, type, &bytes) >= 0 else {
      throw HDF5Library.failure("read the attribute", path: path, dataset: key)
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
