internal import CHDF5
import Foundation

/// The datasets of an HDF5 file that make a table: those of one axis that hold texts, numbers or
/// truth values, a column each, all of one length.
public final class HDF5Table: Sendable {
  /// What the elements of a column are.
  enum Kind: Sendable {
    case text, signed, unsigned, single, double, flag
  }

  /// Elements of a column.
  public enum Cells: Sendable, Equatable {
    /// Texts, as the bytes that are stored.
    case texts([[UInt8]])
    /// Numbers in decimal; what is infinite or no number is empty.
    case numbers([String])
    /// Truth values, as h5py stores them.
    case flags([Bool])
  }

  /// The names of the columns: the paths of their datasets, sorted.
  public let columns: [String]
  /// How many rows there are.
  public let rowCount: Int

  private let reader: HDF5Reader
  private let kinds: [Kind]

  /// Finds the columns of a file.
  ///
  /// Datasets of other shapes and types are left alone.
  /// - Throws: `FormatError` when there is no column, and when they differ in length.
  public init(_ reader: HDF5Reader) throws(FormatError) {
    var columns: [HDF5Dataset] = []
    var kinds: [Kind] = []
    for dataset in reader.datasets where dataset.shape.count == 1 {
      let kind = try reader.withDataset(dataset) { (handle: hid_t) throws(FormatError) -> Kind? in
        _ = try HDF5Reader.checkedCount(dataset, of: handle, path: reader.url.path)
        return Self.kind(of: handle)
      }
      guard let kind else { continue }
      columns.append(dataset)
      kinds.append(kind)
    }
    guard let first = columns.first else {
      throw FormatError(
        .missing, "no dataset is a column: expected datasets of one axis, of texts or numbers",
        path: reader.url.path)
    }
    if let other = columns.first(where: { $0.shape != first.shape }) {
      throw FormatError(
        .mismatch,
        "the columns differ in length: '\(first.name)' has \(first.shape[0]) rows, '\(other.name)'"
          + " \(other.shape[0])", path: reader.url.path)
    }
    self.columns = columns.map(\.name)
    self.kinds = kinds
    self.reader = reader
    rowCount = first.shape[0]
  }

  /// The elements of a column in a range of rows, which must lie within the table.
  /// - Parameter column: its index in `columns`.
  /// - Throws: `FormatError` when the file cannot be read.
  public func cells(
    ofColumn column: Int, in range: Range<Int>
  ) throws(FormatError) -> Cells {
    precondition(
      range.clamped(to: 0..<rowCount) == range, "HDF5Table: \(range) of \(rowCount) rows")
    let name = columns[column]
    func numbers<T: HDF5Element>(_ type: T.Type) throws(FormatError) -> [T] {
      let path = reader.url.path
      return try reader.withDataset(try reader.dataset(name)) {
        (dataset: hid_t) throws(FormatError) -> [T] in
        let inFile = HDF5Library.select(range, of: dataset)
        let inMemory = H5Screate_simple(1, [UInt64(range.count)], nil)
        defer {
          H5Sclose(inFile)
          H5Sclose(inMemory)
        }
        // The library converts numbers of other sizes and byte orders.
        return try HDF5Library.read(
          range.count, of: dataset, from: inFile, to: inMemory, path: path, name: name)
      }
    }
    func decimal<T: BinaryFloatingPoint & CustomStringConvertible>(_ number: T) -> String {
      number.isFinite ? number.description : ""
    }
    switch kinds[column] {
    case .text: return .texts(try reader.textBytes(name, in: range))
    case .signed: return .numbers(try numbers(Int64.self).map(\.description))
    case .unsigned: return .numbers(try numbers(UInt64.self).map(\.description))
    case .single: return .numbers(try numbers(Float.self).map(decimal))
    case .double: return .numbers(try numbers(Double.self).map(decimal))
    case .flag: return .flags(try numbers(Int64.self).map { $0 != 0 })
    }
  }

  /// What a dataset holds, nil for what is no column; called inside `perform`.
  private static func kind(of dataset: hid_t) -> Kind? {
    let type = H5Dget_type(dataset)
    defer { H5Tclose(type) }
    switch H5Tget_class(type) {
    case H5T_STRING: return .text
    case H5T_INTEGER: return H5Tget_sign(type) == H5T_SGN_2 ? .signed : .unsigned
    case H5T_FLOAT: return H5Tget_size(type) <= 4 ? .single : .double
    case H5T_ENUM: return isTruth(type) ? .flag : nil
    default: return nil
    }
  }

  /// Whether an enumeration is that of FALSE, 0, and TRUE, 1.
  private static func isTruth(_ type: hid_t) -> Bool {
    let base = H5Tget_super(type)
    defer { H5Tclose(base) }
    guard H5Tget_size(base) == 1, H5Tget_nmembers(type) == 2 else { return false }
    return zip(["FALSE", "TRUE"], [UInt8(0), 1]).allSatisfy { name, expected in
      var value: UInt8 = 255
      return H5Tenum_valueof(type, name, &value) >= 0 && value == expected
    }
  }
}
