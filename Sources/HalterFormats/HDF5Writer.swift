internal import CHDF5
import Foundation

/// An HDF5 file that is being written. `HDF5Writer.write` makes one, hands it to a closure, and
/// gives the finished file its name.
///
/// Names are paths such as `/adam/m`; the groups on the way are made as needed.
public final class HDF5Writer {
  private let file: hid_t
  private let path: String

  /// Writes a file at `url`, atomically: after any failure the destination is as it was before.
  /// - Throws: what `body` throws, or `FormatError`.
  public static func write(
    to url: URL, overwrite: Bool = false, _ body: (HDF5Writer) throws -> Void
  ) throws {
    try AtomicWrite.writeByPath(to: url, overwrite: overwrite) { location in
      let writer = try HDF5Writer(location, named: url.path)
      do {
        try body(writer)
      } catch {
        try? writer.close()
        throw error
      }
      try writer.close()
    }
  }

  private init(_ location: URL, named path: String) throws(FormatError) {
    self.path = path
    file = try HDF5Library.perform { () throws(FormatError) -> hid_t in
      let file = H5Fcreate(
        location.path, hdf5_access_truncate(), hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT))
      guard file >= 0 else { throw HDF5Library.failure("create the file", path: path) }
      return file
    }
  }

  private func close() throws(FormatError) {
    try HDF5Library.perform { () throws(FormatError) -> Void in
      guard H5Fclose(file) >= 0 else {
        throw HDF5Library.failure("finish the file", path: path)
      }
    }
  }

  /// Writes numbers as a dataset of `shape`, row-major; without a shape, as a line.
  /// - Parameters:
  ///   - values: as many as the shape has elements.
  ///   - name: the dataset's path in the file; it must be new.
  ///   - shape: outermost axis first; `[]` is a scalar.
  ///   - compression: deflate level 1 to 9; the data is then kept in chunks of about 256 KiB.
  /// - Throws: `FormatError` naming the file and the dataset.
  public func write<T: HDF5Element>(
    _ values: [T], to name: String, shape: [Int]? = nil, compression: Int? = nil
  ) throws(FormatError) {
    let shape = shape ?? [values.count]
    try checkName(name)
    guard !shape.contains(where: { $0 < 0 }), shape.count <= 32,
      shape.reduce(1, { $0.multipliedReportingOverflow(by: $1).partialValue }) == values.count
    else {
      throw FormatError(
        .invalidArgument, "\(values.count) numbers do not fill the shape \(shape)", path: path,
        tensor: name)
    }
    try HDF5Library.perform { () throws(FormatError) -> Void in
      let space = makeSpace(shape)
      let creation = H5Pcreate(hdf5_class_dataset_create())
      let links = H5Pcreate(hdf5_class_link_create())
      defer {
        H5Sclose(space)
        H5Pclose(creation)
        H5Pclose(links)
      }
      H5Pset_create_intermediate_group(links, 1)
      if let compression, !values.isEmpty, !shape.isEmpty {
        let chunk = HDF5Writer.chunk(of: shape, bytesPerElement: MemoryLayout<T>.size)
        H5Pset_chunk(creation, Int32(chunk.count), chunk)
        H5Pset_deflate(creation, UInt32(min(max(compression, 1), 9)))
      }
      let dataset = H5Dcreate2(
        file, name, T.hdf5Type.native, space, links, creation, hid_t(H5P_DEFAULT))
      guard dataset >= 0 else {
        throw HDF5Library.failure("make the dataset", path: path, dataset: name)
      }
      let status = values.withUnsafeBytes { bytes in
        // An empty array may have no address, which the library refuses although it needs none.
        bytes.isEmpty
          ? 0
          : H5Dwrite(
            dataset, T.hdf5Type.native, hid_t(H5S_ALL), hid_t(H5S_ALL), hid_t(H5P_DEFAULT),
            bytes.baseAddress)
      }
      let closed = H5Dclose(dataset)
      guard status >= 0, closed >= 0 else {
        throw HDF5Library.failure("write the dataset", path: path, dataset: name)
      }
    }
  }

  /// Writes text as an attribute of a group, which is made if it does not exist, or of a dataset.
  /// - Parameters:
  ///   - value: text without NUL characters.
  ///   - key: the attribute's name, new on this object.
  ///   - object: the path of the group or dataset; `/` is the file itself.
  /// - Throws: `FormatError` naming the file and the attribute.
  public func setAttribute(
    _ value: String, for key: String, on object: String = "/"
  ) throws(FormatError) {
    try checkName(key)
    try checkName(object)
    guard !value.utf8.contains(0) else {
      throw FormatError(
        .invalidArgument, "an attribute's text cannot hold a NUL character", path: path, tensor: key
      )
    }
    try HDF5Library.perform { () throws(FormatError) -> Void in
      let target = try openOrMake(object)
      let type = H5Tcopy(hdf5_type_string())
      let space = H5Screate(H5S_SCALAR)
      defer {
        H5Tclose(type)
        H5Sclose(space)
        H5Oclose(target)
      }
      H5Tset_size(type, hdf5_size_variable())
      H5Tset_cset(type, H5T_CSET_UTF8)
      let attribute = H5Acreate2(
        target, key, type, space, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT))
      guard attribute >= 0 else {
        throw HDF5Library.failure("make the attribute", path: path, dataset: key)
      }
      let status = value.withCString { text in
        withUnsafePointer(to: Optional(text)) { H5Awrite(attribute, type, $0) }
      }
      let closed = H5Aclose(attribute)
      guard status >= 0, closed >= 0 else {
        throw HDF5Library.failure("write the attribute", path: path, dataset: key)
      }
    }
  }

  private func checkName(_ name: String) throws(FormatError) {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw FormatError(
        .invalidArgument, "a name must not be empty or hold a NUL character", path: path,
        tensor: name)
    }
  }

  private func openOrMake(_ object: String) throws(FormatError) -> hid_t {
    let found = H5Oopen(file, object, hid_t(H5P_DEFAULT))
    guard found < 0 else { return found }
    let links = H5Pcreate(hdf5_class_link_create())
    defer { H5Pclose(links) }
    H5Pset_create_intermediate_group(links, 1)
    let made = H5Gcreate2(file, object, links, hid_t(H5P_DEFAULT), hid_t(H5P_DEFAULT))
    guard made >= 0 else {
      throw HDF5Library.failure("make the group", path: path, dataset: object)
    }
    return made
  }

  private func makeSpace(_ shape: [Int]) -> hid_t {
    shape.isEmpty
      ? H5Screate(H5S_SCALAR)
      : H5Screate_simple(Int32(shape.count), shape.map(UInt64.init), nil)
  }

  /// Chunks take whole inner rows, and as many outer ones as fit 256 KiB.
  static func chunk(of shape: [Int], bytesPerElement: Int) -> [UInt64] {
    var budget = max(1, (256 << 10) / bytesPerElement)
    var chunk: [UInt64] = []
    for size in shape.reversed() {
      let taken = max(1, min(size, budget))
      chunk.append(UInt64(taken))
      budget /= taken
    }
    return chunk.reversed()
  }
}
