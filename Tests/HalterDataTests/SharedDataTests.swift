import Foundation
import HalterData
import Testing

private let data = ProcessInfo.processInfo.environment["HALTER_TEST_DATA"]

/// Data sets as they are published open with nothing but their path. `HALTER_TEST_DATA` names the
/// folder that they are in.
@Suite(.enabled(if: data != nil)) struct SharedDataTests {
  @Test(arguments: [
    ("hh-harmless/train.jsonl.gz", "hh-rlhf", 1800),
    ("hh-harmless/validation.jsonl", "hh-rlhf", 200),
    ("chat/alpaca_en_demo.json", "alpaca", 999),
    ("chat/preference_sharegpt_demo.json", "preference", 300),
    ("hh-harmless", "hh-rlhf", 2000),
    ("chat/alpaca*.json", "alpaca", 999),
  ]) func opensWithItsPath(path: String, layout: String, rows: Int) throws {
    let source = DataSource(path: try #require(data) + "/" + path, name: path)
    let reader = try SourceReader(source)
    #expect(reader.decoder.layout.name == layout)
    #expect(try examples(source).count == rows)
  }
}
