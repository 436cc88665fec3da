internal import CHDF5
import Foundation

extension HDF5Writer {
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
      let creation = makeCreation()
      defer {
        H5Sclose(space)
        H5Pclose(creation)
      }
      if let compression, !values.isEmpty, !shape.isEmpty {
        let chunk = HDF5Writer.chunk(of: shape, bytesPerElement: MemoryLayout<T>.size)
        H5Pset_chunk(creation, Int32(chunk.count), chunk)
        H5Pset_deflate(creation, UInt32(min(max(compression, 1), 9)))
      }
      let dataset = try makeDataset(name, T.hdf5Type.native, space, creation)
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

  /// Writes texts as a line of UTF-8 strings.
  /// - Parameters:
  ///   - texts: without NUL characters.
  ///   - name: the dataset's path in the file; it must be new.
  /// - Throws: `FormatError` naming the file and the dataset.
  public func write(_ texts: [String], to name: String) throws(FormatError) {
    try checkName(name)
    guard !texts.contains(where: { $0.utf8.contains(0) }) else {
      throw FormatError(
        .invalidArgument, "a text cannot hold a NUL character", path: path, tensor: name)
    }
    // One buffer for all: the library wants an array of addresses.
    var bytes: [CChar] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(bytes.count)
      bytes += text.utf8.map { CChar(bitPattern: $0) }
      bytes.append(0)
    }
    try HDF5Library.perform { () throws(FormatError) -> Void in
      let space = makeSpace([texts.count])
      let creation = makeCreation()
      let type = HDF5Library.makeTextType()
      defer {
        H5Sclose(space)
        H5Pclose(creation)
        H5Tclose(type)
      }
      let dataset = try makeDataset(name, type, space, creation)
      let status = bytes.withUnsafeBufferPointer { buffer in
        let addresses = starts.map { start in buffer.baseAddress.map { $0 + start } }
        return addresses.isEmpty
          ? 0
          : H5Dwrite(
            dataset, type, hid_t(H5S_ALL), hid_t(H5S_ALL), hid_t(H5P_DEFAULT), addresses)
      }
      let closed = H5Dclose(dataset)
      guard status >= 0, closed >= 0 else {
        throw HDF5Library.failure("write the dataset", path: path, dataset: name)
      }
    }
  }

  /// Properties of a new dataset; called inside `perform`, and closed by the caller.
  func makeCreation() -> hid_t {
    let creation = H5Pcreate(hdf5_class_dataset_create())
    H5Pset_obj_track_times(creation, false)
    return creation
  }

  /// A new dataset with the groups on the way to it; called inside `perform`.
  func makeDataset(
    _ name: String, _ type: hid_t, _ space: hid_t, _ creation: hid_t
  ) throws(FormatError) -> hid_t {
    try makeGroups(above: name)
    let dataset = H5Dcreate2(
      file, name, type, space, hid_t(H5P_DEFAULT), creation, hid_t(H5P_DEFAULT))
    guard dataset >= 0 else {
      throw HDF5Library.failure("make the dataset", path: path, dataset: name)
    }
    return dataset
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
