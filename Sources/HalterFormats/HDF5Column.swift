internal import CHDF5
import Foundation
import Synchronization

/// A dataset of one axis that is read in ranges, in any order.
///
/// The chunks that were used of late are kept decompressed, so that neighbours and repetitions cost
/// a copy. Threads may share a column: what is remembered is behind a lock, and the handle is used
/// only inside `HDF5Library.perform`. The file stays open for as long as the column lives.
public final class HDF5Column<Element: HDF5Element>: Sendable {
  /// How many numbers there are.
  public let count: Int

  private let reader: HDF5Reader
  private let name: String
  private let dataset: hid_t
  private let pageLength: Int
  private let pages: Mutex<RecentPages<[Element]>>

  init(
    _ name: String, of reader: HDF5Reader, cacheBytes: Int
  ) throws(FormatError) {
    let description = try reader.dataset(name, of: Element.self)
    guard description.shape.count == 1 else {
      throw FormatError(
        .wrongType, "the dataset has the shape \(description.shape), one axis was expected",
        path: reader.url.path, tensor: name)
    }
    let (dataset, count, chunk) = try HDF5Library.perform {
      () throws(FormatError) -> (hid_t, Int, Int) in
      let access = H5Pcreate(hdf5_class_dataset_access())
      defer { H5Pclose(access) }
      // Pages are remembered here; the library need not do it a second time.
      H5Pset_chunk_cache(access, 0, 0, 0)
      let dataset = try reader.open(description, access: access)
      do throws(FormatError) {
        let count = try HDF5Reader.checkedCount(description, of: dataset, path: reader.url.path)
        return (dataset, count, Self.chunk(of: dataset))
      } catch {
        H5Dclose(dataset)
        throw error
      }
    }
    self.reader = reader
    self.name = name
    self.dataset = dataset
    self.count = count
    pageLength = chunk
    pages = Mutex(
      RecentPages(capacity: cacheBytes / (chunk * MemoryLayout<Element>.stride)))
  }

  deinit {
    let dataset = dataset
    HDF5Library.perform { () -> Void in H5Dclose(dataset) }
  }

  /// The numbers in a range, which must lie within the dataset.
  /// - Throws: `FormatError` when the file cannot be read any more.
  public func read(_ range: Range<Int>) throws(FormatError) -> [Element] {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count, "HDF5Column: \(range) of \(count)")
    guard !range.isEmpty else { return [] }
    var values: [Element] = []
    values.reserveCapacity(range.count)
    for number in range.lowerBound / pageLength...(range.upperBound - 1) / pageLength {
      let start = number * pageLength
      let page = try page(number)
      let part = range.clamped(to: start..<start + page.count)
      values += page[part.lowerBound - start..<part.upperBound - start]
    }
    return values
  }

  /// The number at an index, which must lie within the dataset.
  /// - Throws: `FormatError` when the file cannot be read any more.
  public func value(at index: Int) throws(FormatError) -> Element {
    precondition((0..<count).contains(index), "HDF5Column: \(index) of \(count)")
    return try page(index / pageLength)[index % pageLength]
  }

  private func page(_ number: Int) throws(FormatError) -> [Element] {
    try pages.withLock { (pages: inout sending RecentPages<[Element]>) throws(FormatError) in
      if let page = pages.find(number) { return page }
      let page = try load(number)
      pages.insert(page, as: number)
      return page
    }
  }

  private func load(_ number: Int) throws(FormatError) -> [Element] {
    let start = number * pageLength
    let range = start..<min(start + pageLength, count)
    return try HDF5Library.perform { () throws(FormatError) -> [Element] in
      let inFile = HDF5Library.select(range, of: dataset)
      let inMemory = H5Screate_simple(1, [UInt64(range.count)], nil)
      defer {
        H5Sclose(inFile)
        H5Sclose(inMemory)
      }
      return try HDF5Library.read(
        range.count, of: dataset, from: inFile, to: inMemory, path: reader.url.path, name: name)
    }
  }

  /// How many numbers are compressed together; called inside `perform`.
  private static func chunk(of dataset: hid_t) -> Int {
    let creation = H5Dget_create_plist(dataset)
    defer { H5Pclose(creation) }
    var chunk: [hsize_t] = [0]
    let isChunked = H5Pget_layout(creation) == H5D_CHUNKED && H5Pget_chunk(creation, 1, &chunk) == 1
    return isChunked ? min(max(1, Int(clamping: chunk[0])), 1 << 22) : 1 << 14
  }
}

extension HDF5Reader {
  /// A dataset of one axis to read in ranges.
  /// - Parameters:
  ///   - name: the path of the dataset.
  ///   - cacheBytes: how much of it may be kept decompressed in memory; one chunk at least.
  /// - Throws: `FormatError` with code `missing`, `wrongType` when it does not hold a line of such
  ///   numbers, or `malformed`.
  public func column<T: HDF5Element>(
    _ name: String, of type: T.Type = T.self, cacheBytes: Int = 1 << 20
  ) throws(FormatError) -> HDF5Column<T> {
    try HDF5Column(name, of: self, cacheBytes: cacheBytes)
  }
}
