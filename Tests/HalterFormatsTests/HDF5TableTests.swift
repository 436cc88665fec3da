import Foundation
import Testing

@testable import HalterFormats

/// Tables as `Tests/Parity/formats.py` writes them with h5py.
@Suite struct HDF5TableTests {
  private func table() throws -> HDF5Table {
    try HDF5Table(HDF5Reader(fixture("table.h5")))
  }

  private func cells(_ name: String, _ range: Range<Int>) throws -> HDF5Table.Cells {
    let table = try table()
    let column = try #require(table.columns.firstIndex(of: name))
    return try table.cells(ofColumn: column, in: range)
  }

  @Test func columnsAreDatasetsOfOneAxis() throws {
    let table = try table()
    #expect(
      table.columns == ["completion", "deep/id", "exact", "id", "label", "margin", "prompt"])
    #expect(table.rowCount == 4)
  }

  @Test func textsOfAnyAndOfFixedLengthAreRead() throws {
    #expect(
      try cells("prompt", 0..<4) == .texts(["a", "", "é🙂\n\"", "d"].map { Array($0.utf8) }))
    #expect(try cells("prompt", 2..<3) == .texts([Array("é🙂\n\"".utf8)]))
    #expect(
      try cells("completion", 0..<4) == .texts(["b", "é", "", "four"].map { Array($0.utf8) }))
    #expect(try cells("completion", 3..<4) == .texts([Array("four".utf8)]))
  }

  @Test func numbersOfEverySizeAreRead() throws {
    #expect(try cells("id", 0..<4) == .numbers(["-1", "2", "3", "4"]))
    #expect(try cells("id", 1..<3) == .numbers(["2", "3"]))
    #expect(try cells("deep/id", 0..<2) == .numbers(["18446744073709551615", "0"]))
    #expect(try cells("margin", 0..<4) == .numbers(["0.1", "", "", "1e+30"]))
    #expect(try cells("exact", 0..<4) == .numbers(["0.1", "0.3333333333333333", "5e-324", "2.0"]))
    #expect(try cells("label", 0..<4) == .flags([true, false, true, false]))
  }

  @Test func columnsOfSeveralLengthsAreRefused() throws {
    try withScratch { folder in
      let url = folder.appendingPathComponent("a.h5")
      try HDF5Writer.write(to: url) { file in
        try file.write([Int32(1), 2], to: "a")
        try file.write([Int32(1)], to: "b")
      }
      let error = try formatError { _ = try HDF5Table(HDF5Reader(url)) }
      #expect(
        error.message == "the columns differ in length: 'a' has 2 rows, 'b' 1")
    }
  }

  @Test func aFileWithoutColumnsIsRefused() throws {
    try withScratch { folder in
      let url = folder.appendingPathComponent("a.h5")
      try HDF5Writer.write(to: url) { file in try file.write([Int32(1)], to: "a", shape: [1, 1]) }
      let error = try formatError { _ = try HDF5Table(HDF5Reader(url)) }
      #expect(error.code == .missing)
    }
  }

  /// Whatever is wrong with a file, it is an error or other values, and never a crash.
  @Test func damagedFilesNeverStopTheReader() throws {
    let bytes = try Data(contentsOf: fixture("table.h5"))
    try withScratch { folder in
      let url = folder.appendingPathComponent("a.h5")
      for place in stride(from: 0, to: bytes.count, by: 97) {
        var damaged = bytes
        damaged[place] ^= 0xFF
        try damaged.write(to: url)
        _ = try? {
          let table = try HDF5Table(HDF5Reader(url))
          for column in table.columns.indices {
            _ = try table.cells(ofColumn: column, in: 0..<min(table.rowCount, 8))
          }
        }()
      }
    }
  }
}
