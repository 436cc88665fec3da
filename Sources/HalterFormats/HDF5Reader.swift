internal import CHDF5
import Foundation

/// A dataset in an HDF5 file.
public struct HDF5Dataset: Sendable, Equatable {
  /// Its path in the file, without a leading `/`.
  public let name: String
  /// Row-major, outermost axis first; `[]` is a scalar.
  public let shape: [Int]
  /// The numbers in it; `nil` for anything that is not one of those types.
  public let type: HDF5Type?
}

/// An HDF5 file opened for reading. The file is checked only as far as the library checks it: read
/// files from outside with the same care as any other input to native code.
///
/// Safe to share: the one stored handle is used only inside `HDF5Library.perform`.
public final class HDF5Reader: Sendable {
  /// The HDF5 library in use, with its version.
  public static var libraryVersion: String {
    var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
    H5get_libversion(&major, &minor, &release)
    return "HDF5 \(major).\(minor).\(release)"
  }

  /// The file that was opened.
  public let url: URL
  /// Every dataset, sorted by name.
  public let datasets: [HDF5Dataset]
  let file: hid_t

  /// Opens a file and lists its datasets.
  /// - Parameter isSealed: whether the file must begin with a checksum of all of it, as
  ///   `HDF5Writer` puts there; it is verified first, which reads the whole file.
  /// - Throws: `FormatError` when the file is missing, not HDF5, or not as it was sealed.
  public init(_ url: URL, isSealed: Bool = false) throws(FormatError) {
    // Mapping it first gives the same errors for absent and unreadable files as everywhere else.
    guard try MappedFile(url).size > 0 else {
      throw FormatError(.truncated, "the file is empty", path: url.path)
    }
    if isSealed { try HDF5Seal.verify(url) }
    let path = url.path
    let (file, datasets) = try HDF5Library.perform {
      () throws(FormatError) -> (hid_t, [HDF5Dataset]) in
      let file = H5Fopen(path, hdf5_access_read_only(), hid_t(H5P_DEFAULT))
      guard file >= 0 else {
        H5Eclear2(hid_t(H5E_DEFAULT))
        throw FormatError(
          .malformed, "this is not an HDF5 file, or it is damaged or cut short",
          mend: "Make or fetch it again", path: path)
      }
      do throws(FormatError) {
        return (file, try HDF5Reader.list(file, path: path))
      } catch {
        H5Fclose(file)
        throw error
      }
    }
    self.url = url
    self.file = file
    self.datasets = datasets
  }

  deinit {
    let file = file
    HDF5Library.perform { () -> Void in H5Fclose(file) }
  }

  private static func list(_ file: hid_t, path: String) throws(FormatError) -> [HDF5Dataset] {
    var names: [String] = []
    let status = withUnsafeMutablePointer(to: &names) { pointer in
      H5Ovisit2(
        file, H5_INDEX_NAME, H5_ITER_INC,
        { _, name, information, context in
          guard let name, let information, information.pointee.type == H5O_TYPE_DATASET else {
            return 0
          }
          context?.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
          return 0
        }, pointer, UInt32(H5O_INFO_BASIC))
    }
    guard status >= 0 else { throw HDF5Library.failure("list the datasets", path: path) }
    var datasets: [HDF5Dataset] = []
    for name in names.sorted() {
      let dataset = H5Dopen2(file, name, hid_t(H5P_DEFAULT))
      guard dataset >= 0 else {
        throw HDF5Library.failure("open the dataset", path: path, dataset: name)
      }
      defer { H5Dclose(dataset) }
      datasets.append(try describe(dataset, name: name, path: path))
    }
    return datasets
  }

  private static func describe(
    _ dataset: hid_t, name: String, path: String
  ) throws(FormatError) -> HDF5Dataset {
    let space = H5Dget_space(dataset)
    let type = H5Dget_type(dataset)
    defer {
      H5Sclose(space)
      H5Tclose(type)
    }
    let rank = H5Sget_simple_extent_ndims(space)
    guard space >= 0, type >= 0, rank >= 0 else {
      throw HDF5Library.failure("examine the dataset", path: path, dataset: name)
    }
    var sizes = [hsize_t](repeating: 0, count: Int(rank))
    H5Sget_simple_extent_dims(space, &sizes, nil)
    var shape: [Int] = []
    for size in sizes {
      guard let size = Int(exactly: size) else {
        throw FormatError(.malformed, "impossible shape \(sizes)", path: path, tensor: name)
      }
      shape.append(size)
    }
    return HDF5Dataset(name: name, shape: shape, type: HDF5Type(stored: type))
  }

  /// The dataset at path `name`, with or without a leading `/`.
  /// - Throws: `FormatError` with code `missing`.
  public func dataset(_ name: String) throws(FormatError) -> HDF5Dataset {
    let plain = name.hasPrefix("/") ? String(name.dropFirst()) : name
    guard let dataset = datasets.first(where: { $0.name == plain }) else {
      throw FormatError(
        .missing, "there is no such dataset among the \(datasets.count) in the file",
        path: url.path, tensor: name)
    }
    return dataset
  }

  /// Reads all numbers of a dataset, row-major, in this machine's byte order.
  /// - Throws: `FormatError` with code `missing`, `wrongType` when it holds other numbers than `T`
  ///   (nothing is converted), or `malformed`.
  public func read<T: HDF5Element>(
    _ name: String, as type: T.Type = T.self
  ) throws(FormatError) -> [T] {
    let description = try dataset(name, of: type)
    return try withDataset(description) { (dataset: hid_t) throws(FormatError) -> [T] in
      let count = try HDF5Reader.checkedCount(description, of: dataset, path: url.path)
      return try HDF5Library.read(
        count, of: dataset, from: hid_t(H5S_ALL), to: hid_t(H5S_ALL), path: url.path, name: name)
    }
  }

  /// The dataset `name`, which must hold numbers of type `T`.
  /// - Throws: `FormatError` with code `missing` or `wrongType`.
  func dataset<T: HDF5Element>(
    _ name: String, of type: T.Type
  ) throws(FormatError) -> HDF5Dataset {
    let description = try dataset(name)
    guard description.type == T.hdf5Type else {
      throw FormatError(
        .wrongType,
        "the dataset holds \(description.type?.rawValue ?? "something else") where "
          + "\(T.hdf5Type.rawValue) was expected", path: url.path, tensor: name)
    }
    return description
  }

  /// Opens a dataset for as long as `body` runs, alone in the library.
  func withDataset<R>(
    _ description: HDF5Dataset, _ body: (hid_t) throws(FormatError) -> sending R
  ) throws(FormatError) -> sending R {
    try HDF5Library.perform { () throws(FormatError) -> R in
      let dataset = try open(description)
      defer { H5Dclose(dataset) }
      return try body(dataset)
    }
  }

  /// A handle of a dataset; called inside `perform`, and closed by the caller.
  func open(_ description: HDF5Dataset, access: hid_t? = nil) throws(FormatError) -> hid_t {
    let dataset = H5Dopen2(file, description.name, access ?? hid_t(H5P_DEFAULT))
    guard dataset >= 0 else {
      throw HDF5Library.failure("open the dataset", path: url.path, dataset: description.name)
    }
    return dataset
  }

  /// The number of elements, after checking that memory is not given out for a size that the
  /// stored bytes do not back. Deflate shrinks by at most about a thousand times.
  static func checkedCount(
    _ description: HDF5Dataset, of dataset: hid_t, path: String
  ) throws(FormatError) -> Int {
    var bytes = 8
    for size in description.shape {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw FormatError(
          .malformed, "impossible shape \(description.shape)", path: path,
          tensor: description.name)
      }
      bytes = product
    }
    let stored = H5Dget_storage_size(dataset)
    guard bytes == 0 || UInt64(bytes / 8) / 1100 <= stored else {
      throw FormatError(
        .malformed,
        "the dataset claims the shape \(description.shape) but stores only \(stored) bytes",
        path: path, tensor: description.name)
    }
    return bytes / 8
  }
}
