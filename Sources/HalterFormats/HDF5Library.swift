internal import CHDF5
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The one door to the HDF5 library, which keeps global state: every call to it happens inside
/// `perform`, one at a time, whether or not the installed build is thread-safe.
enum HDF5Library {
  private static let lock = Mutex(())

  /// Every file is closed here, so there is nothing to be done at exit. The library would try to
  /// flush again what a full disk did not take, and crash.
  private static let leavesExitAlone = H5dont_atexit() >= 0

  /// Runs `body` alone, with the library's habit of printing errors switched off.
  static func perform<R, E: Error>(_ body: () throws(E) -> sending R) throws(E) -> sending R {
    try lock.withLock { (_: inout sending ()) throws(E) -> sending R in
      _ = leavesExitAlone
      H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
      return try body()
    }
  }

  /// The type of UTF-8 texts of any length; called inside `perform`, and closed by the caller.
  static func makeTextType() -> hid_t {
    let type = H5Tcopy(hdf5_type_string())
    H5Tset_size(type, hdf5_size_variable())
    H5Tset_cset(type, H5T_CSET_UTF8)
    return type
  }

  /// The space of a dataset of one axis with `range` selected; called inside `perform`, and closed
  /// by the caller.
  static func select(_ range: Range<Int>, of dataset: hid_t) -> hid_t {
    let space = H5Dget_space(dataset)
    H5Sselect_hyperslab(
      space, H5S_SELECT_SET, [UInt64(range.lowerBound)], nil, [UInt64(range.count)], nil)
    return space
  }

  /// Reads `count` numbers, those that `from` selects; called inside `perform`.
  static func read<T: HDF5Element>(
    _ count: Int, of dataset: hid_t, from: hid_t, to: hid_t, path: String, name: String
  ) throws(FormatError) -> [T] {
    guard count > 0 else { return [] }
    var status: herr_t = -1
    let values = [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      status = H5Dread(
        dataset, T.hdf5Type.native, to, from, hid_t(H5P_DEFAULT), buffer.baseAddress)
      initialized = status >= 0 ? count : 0
    }
    guard status >= 0 else { throw failure("read the dataset", path: path, dataset: name) }
    return values
  }

  /// The error for a call that failed, with the library's own innermost explanation.
  static func failure(
    _ doing: String, path: String, dataset: String? = nil
  ) -> FormatError {
    var reason = ""
    withUnsafeMutablePointer(to: &reason) { pointer in
      _ = H5Ewalk2(
        hid_t(H5E_DEFAULT), H5E_WALK_UPWARD,
        { number, entry, context in
          guard number == 0, let entry, let text = entry.pointee.desc else { return 0 }
          context?.assumingMemoryBound(to: String.self).pointee = String(cString: text)
          return 0
        }, pointer)
    }
    H5Eclear2(hid_t(H5E_DEFAULT))
    if reason.contains("No space left") || reason.contains("File too large") {
      return FormatError(errno: ENOSPC, while: doing, path: path)
    }
    // Of several lines the first says what failed; the rest are the library's own variables.
    let cause = reason.prefix { $0 != "\n" }
    return FormatError(
      .io, "the HDF5 library could not \(doing)" + (cause.isEmpty ? "" : ": \(cause)"),
      path: path, tensor: dataset)
  }
}

/// A number that can be kept in an HDF5 dataset.
public protocol HDF5Element: BitwiseCopyable, Sendable {
  /// Which number it is.
  static var hdf5Type: HDF5Type { get }
}

/// The types of number that datasets can hold here.
public enum HDF5Type: String, Sendable, CaseIterable {
  /// Floating point of 32 bits.
  case float32
  /// Floating point of 64 bits.
  case float64
  /// Signed integers of 32 bits.
  case int32
  /// Signed integers of 64 bits.
  case int64
  /// Unsigned integers of 8 bits.
  case uint8
  /// Unsigned integers of 64 bits.
  case uint64

  /// The library's handle for this machine's form of the type.
  var native: hid_t {
    switch self {
    case .float32: hdf5_type_float()
    case .float64: hdf5_type_double()
    case .int32: hdf5_type_int32()
    case .int64: hdf5_type_int64()
    case .uint8: hdf5_type_uint8()
    case .uint64: hdf5_type_uint64()
    }
  }

  /// The type a dataset in a file has, whatever its byte order, or `nil` for any other.
  init?(stored type: hid_t) {
    let isSigned = H5Tget_sign(type) == H5T_SGN_2
    switch (H5Tget_class(type), H5Tget_size(type)) {
    case (H5T_FLOAT, 4): self = .float32
    case (H5T_FLOAT, 8): self = .float64
    case (H5T_INTEGER, 4) where isSigned: self = .int32
    case (H5T_INTEGER, 8): self = isSigned ? .int64 : .uint64
    case (H5T_INTEGER, 1) where !isSigned: self = .uint8
    default: return nil
    }
  }
}

extension Float: HDF5Element {
  /// `float32`.
  public static var hdf5Type: HDF5Type { .float32 }
}
extension Double: HDF5Element {
  /// `float64`.
  public static var hdf5Type: HDF5Type { .float64 }
}
extension Int32: HDF5Element {
  /// `int32`.
  public static var hdf5Type: HDF5Type { .int32 }
}
extension Int64: HDF5Element {
  /// `int64`.
  public static var hdf5Type: HDF5Type { .int64 }
}
extension UInt8: HDF5Element {
  /// `uint8`.
  public static var hdf5Type: HDF5Type { .uint8 }
}
extension UInt64: HDF5Element {
  /// `uint64`.
  public static var hdf5Type: HDF5Type { .uint64 }
}
