import HalterJSON

/// One record of a file, not yet parsed: what one thread reads and others parse.
public struct RawRecord: Sendable {
  /// The record's bytes in its file's own format.
  public let bytes: ArraySlice<UInt8>
  /// Where it stands.
  public let location: RowLocation

  /// Bytes and their place.
  public init(bytes: ArraySlice<UInt8>, location: RowLocation) {
    self.bytes = bytes
    self.location = location
  }
}

/// Turns a record of a format into an object; every call stands alone, so that threads may share
/// one parser.
public protocol RecordParser: Sendable {
  /// The record's columns.
  ///
  /// - Throws: `DataError` naming file, line and column of what is malformed.
  func object(_ record: RawRecord) throws(DataError) -> JSONObject
}

/// Streams the records of one file; one conforming type a format.
public protocol RecordReader {
  /// How the records are parsed; known once the reader is open.
  var parser: any RecordParser { get }

  /// The next record, or nil at the end.
  ///
  /// - Throws: `DataError` when the disk refuses or no record can be found in the bytes.
  mutating func next() throws(DataError) -> RawRecord?
}
