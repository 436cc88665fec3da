/// Reads the examples of a source that are taken, one after the other.
public struct ExampleReader {
  /// The layout of the source, as named or as found on its first row.
  public var layout: any RowLayout { reader.decoder.layout }

  private var reader: SourceReader
  private var selection: RowSelection

  /// Opens a source.
  ///
  /// - Throws: `DataError` as `SourceReader` does.
  public init(_ source: DataSource) throws(DataError) {
    reader = try SourceReader(source)
    selection = RowSelection(source)
  }

  /// The next example in the part of the source and within its limit, or nil at the end.
  ///
  /// - Throws: `DataError` naming file, line and path of what is malformed or does not fit.
  public mutating func next() throws(DataError) -> Example? {
    while !selection.isFull, let record = try reader.next() {
      let example = try reader.decoder.example(from: record)
      if selection.takes(ContentDigest(example)) { return example }
    }
    return nil
  }
}
