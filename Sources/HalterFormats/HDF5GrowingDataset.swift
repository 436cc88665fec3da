internal import CHDF5
import Foundation

/// What a writer does with every dataset that grows, whatever its numbers.
protocol HDF5Growing: AnyObject {
  /// Writes what has been appended and is not in the file yet.
  func flush() throws(FormatError)
  /// Gives the library's handle back; nothing can be appended after that.
  func close() throws(FormatError)
}

/// A dataset of one axis that numbers are appended to while its file is being written.
///
/// It is kept in chunks that are byte-shuffled, deflated and followed by a checksum (Fletcher's,
/// 32 bits). In memory are a few chunks only. It is of no use after the closure of
/// `HDF5Writer.write` has returned.
public final class HDF5GrowingDataset<Element: HDF5Element>: HDF5Growing {
  /// How many chunks are handed to the library at a time.
  private static var chunksAtOnce: Int { 16 }

  /// How many numbers have been appended.
  public var count: Int { written + pending.count }

  private let name: String
  private let path: String
  private let chunk: Int
  private var dataset: hid_t
  private var written = 0
  private var pending: [Element] = []

  init(
    _ name: String, in writer: HDF5Writer, chunk: Int, compression: Int
  ) throws(FormatError) {
    precondition(chunk > 0, "HDF5GrowingDataset: a chunk holds at least one number")
    try writer.checkName(name)
    self.name = name
    self.chunk = chunk
    path = writer.path
    dataset = try HDF5Library.perform { () throws(FormatError) -> hid_t in
      let space = H5Screate_simple(1, [0], [hdf5_unlimited()])
      let creation = writer.makeCreation()
      defer {
        H5Sclose(space)
        H5Pclose(creation)
      }
      H5Pset_chunk(creation, 1, [UInt64(chunk)])
      H5Pset_shuffle(creation)
      H5Pset_deflate(creation, UInt32(min(max(compression, 1), 9)))
      H5Pset_fletcher32(creation)
      return try writer.makeDataset(name, Element.hdf5Type.native, space, creation)
    }
  }

  deinit { try? close() }

  /// Appends a number.
  /// - Throws: `FormatError` naming the file and the dataset, when the disk is full for instance.
  public func append(_ value: Element) throws(FormatError) {
    pending.append(value)
    try writeWholeChunks()
  }

  /// Appends numbers.
  /// - Throws: `FormatError` naming the file and the dataset, when the disk is full for instance.
  public func append(contentsOf values: [Element]) throws(FormatError) {
    pending += values
    try writeWholeChunks()
  }

  func flush() throws(FormatError) {
    if !pending.isEmpty { try write(pending.count) }
  }

  func close() throws(FormatError) {
    guard dataset >= 0 else { return }
    let handle = dataset
    dataset = -1
    try HDF5Library.perform { () throws(FormatError) -> Void in
      guard H5Dclose(handle) >= 0 else {
        throw HDF5Library.failure("write the dataset", path: path, dataset: name)
      }
    }
  }

  /// A chunk that is completed later would have to be read and compressed again.
  private func writeWholeChunks() throws(FormatError) {
    guard pending.count >= chunk * Self.chunksAtOnce else { return }
    try write(pending.count / chunk * chunk)
  }

  /// Writes the first `count` of the pending numbers.
  private func write(_ count: Int) throws(FormatError) {
    precondition(dataset >= 0, "HDF5GrowingDataset: the file is closed")
    try HDF5Library.perform { () throws(FormatError) -> Void in
      guard H5Dset_extent(dataset, [UInt64(written + count)]) >= 0 else {
        throw HDF5Library.failure("extend the dataset", path: path, dataset: name)
      }
      let inFile = HDF5Library.select(written..<written + count, of: dataset)
      let inMemory = H5Screate_simple(1, [UInt64(count)], nil)
      defer {
        H5Sclose(inFile)
        H5Sclose(inMemory)
      }
      let status = pending.withUnsafeBytes { bytes in
        H5Dwrite(
          dataset, Element.hdf5Type.native, inMemory, inFile, hid_t(H5P_DEFAULT),
          bytes.baseAddress)
      }
      guard status >= 0 else {
        throw HDF5Library.failure("write the dataset", path: path, dataset: name)
      }
    }
    written += count
    pending.removeFirst(count)
  }
}
