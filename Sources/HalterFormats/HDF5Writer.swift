internal import CHDF5
import Foundation

/// An HDF5 file that is being written. `HDF5Writer.write` makes one, hands it to a closure, and
/// gives the finished file its name.
///
/// Names are paths such as `/adam/m`; the groups on the way are made as needed. The same calls give
/// the same bytes: no time is recorded. The file is of the format of HDF5 1.10, whose metadata
/// carries checksums.
public final class HDF5Writer {
  let file: hid_t
  let path: String
  private var growing: [any HDF5Growing] = []

  /// Writes a file at `url`, atomically: after any failure the destination is as it was before.
  /// - Parameter isSealed: whether the file begins with a checksum of all of it, which
  ///   `HDF5Reader` can verify.
  /// - Throws: what `body` throws, or `FormatError`.
  public static func write(
    to url: URL, overwrite: Bool = false, isSealed: Bool = false,
    _ body: (HDF5Writer) throws -> Void
  ) throws {
    try AtomicWrite.writeByPath(to: url, overwrite: overwrite) { location in
      let writer = try HDF5Writer(
        location, named: url.path, userBlock: isSealed ? HDF5Seal.size : 0)
      do {
        try body(writer)
        for dataset in writer.growing { try dataset.flush() }
      } catch {
        try? writer.close()
        throw error
      }
      try writer.close()
      if isSealed { try HDF5Seal.write(to: location, path: url.path) }
    }
  }

  private init(
    _ location: URL, named path: String, userBlock: Int
  ) throws(FormatError) {
    self.path = path
    file = try HDF5Library.perform { () throws(FormatError) -> hid_t in
      let creation = H5Pcreate(hdf5_class_file_create())
      let access = H5Pcreate(hdf5_class_file_access())
      defer {
        H5Pclose(creation)
        H5Pclose(access)
      }
      H5Pset_userblock(creation, UInt64(userBlock))
      H5Pset_obj_track_times(creation, false)
      H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110)
      let file = H5Fcreate(location.path, hdf5_access_truncate(), creation, access)
      guard file >= 0 else { throw HDF5Library.failure("create the file", path: path) }
      return file
    }
  }

  private func close() throws(FormatError) {
    var failure: FormatError?
    // The file stays open in the library for as long as anything in it is.
    for dataset in growing {
      do throws(FormatError) { try dataset.close() } catch { failure = failure ?? error }
    }
    let status = HDF5Library.perform { H5Fclose(file) }
    if let failure { throw failure }
    guard status >= 0 else { throw HDF5Library.failure("finish the file", path: path) }
  }

  /// Makes a dataset of one axis to which numbers can be appended for as long as the file is being
  /// written, in little memory.
  /// - Parameters:
  ///   - name: the dataset's path in the file; it must be new.
  ///   - chunk: how many numbers are compressed together; reading any of them decompresses all.
  ///   - compression: the deflate level, 1 to 9.
  /// - Throws: `FormatError` naming the file and the dataset.
  public func makeGrowing<T: HDF5Element>(
    _ name: String, of type: T.Type = T.self, chunk: Int = 2048, compression: Int = 1
  ) throws(FormatError) -> HDF5GrowingDataset<T> {
    let dataset = try HDF5GrowingDataset<T>(
      name, in: self, chunk: chunk, compression: compression)
    growing.append(dataset)
    return dataset
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
      let type = HDF5Library.makeTextType()
      let space = H5Screate(H5S_SCALAR)
      defer {
        H5Tclose(type)
        H5Sclose(space)
        H5Oclose(target)
      }
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

  func checkName(_ name: String) throws(FormatError) {
    guard !name.isEmpty, !name.utf8.contains(0) else {
      throw FormatError(
        .invalidArgument, "a name must not be empty or hold a NUL character", path: path,
        tensor: name)
    }
  }

  private func openOrMake(_ object: String) throws(FormatError) -> hid_t {
    let found = H5Oopen(file, object, hid_t(H5P_DEFAULT))
    guard found < 0 else { return found }
    try makeGroups(above: object)
    return try makeGroup(object)
  }

  /// Makes the groups on the way to `name` that are missing; called inside `perform`.
  func makeGroups(above name: String) throws(FormatError) {
    var group = ""
    for part in name.split(separator: "/").dropLast() {
      group += "/" + part
      guard H5Lexists(file, group, hid_t(H5P_DEFAULT)) <= 0 else { continue }
      H5Gclose(try makeGroup(group))
    }
  }

  private func makeGroup(_ name: String) throws(FormatError) -> hid_t {
    let creation = H5Pcreate(hdf5_class_group_create())
    defer { H5Pclose(creation) }
    H5Pset_obj_track_times(creation, false)
    let group = H5Gcreate2(file, name, hid_t(H5P_DEFAULT), creation, hid_t(H5P_DEFAULT))
    guard group >= 0 else {
      throw HDF5Library.failure("make the group", path: path, dataset: name)
    }
    return group
  }
}
