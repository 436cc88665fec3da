/// JSON being written.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  /// Appends text that is JSON already.
  mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// Appends a JSON string.
  mutating func string(_ text: String) { string(text.utf8) }

  /// Appends a JSON string whose text is given as UTF-8.
  mutating func string(_ text: some Sequence<UInt8>) {
    let quote = UInt8(ascii: "\"")
    bytes.append(quote)
    for byte in text {
      switch byte {
      case quote, UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 10: raw("\\n")
      case 0..<32:
        let digits = String(byte, radix: 16)
        raw(byte < 16 ? "\\u000\(digits)" : "\\u00\(digits)")
      default: bytes.append(byte)
      }
    }
    bytes.append(quote)
  }

  /// Appends null, the one step, or a Sequence of the steps under `key`.
  mutating func sequence<Step>(
    _ key: String, _ steps: [Step], _ write: (inout JSONText, Step) -> Void
  ) {
    guard let first = steps.first else { return raw("null") }
    if steps.count == 1 { return write(&self, first) }
    raw("{\"type\":\"Sequence\",\"\(key)\":[")
    for (index, step) in steps.enumerated() {
      if index > 0 { raw(",") }
      write(&self, step)
    }
    raw("]}")
  }

  mutating func normalizer(_ step: Normalizer?) {
    switch step {
    case nil: raw("null")
    case .nfc: raw("{\"type\":\"NFC\"}")
    case .prepend(let text):
      raw("{\"type\":\"Prepend\",\"prepend\":")
      string(text)
      raw("}")
    case .replace(let from, let with): replace(from, with)
    case .sequence(let steps): sequence("normalizers", steps) { $0.normalizer($1) }
    }
  }

  private mutating func replace(_ from: [UInt8], _ with: [UInt8]) {
    raw("{\"type\":\"Replace\",\"pattern\":{\"String\":")
    string(from)
    raw("},\"content\":")
    string(with)
    raw("}")
  }

  mutating func preTokenizer(_ step: PreTokenizer) {
    switch step {
    case .split(let pattern):
      raw("{\"type\":\"Split\",\"pattern\":{\"Regex\":")
      string(pattern.regex)
      raw("},\"behavior\":\"Isolated\",\"invert\":false}")
    case .digits(let individual):
      raw("{\"type\":\"Digits\",\"individual_digits\":\(individual)}")
    case .byteLevel(let addPrefixSpace, let useRegex):
      raw("{\"type\":\"ByteLevel\",\"add_prefix_space\":\(addPrefixSpace)")
      raw(",\"trim_offsets\":true,\"use_regex\":\(useRegex)}")
    case .metaspace(let mark, let prepend, let split):
      raw("{\"type\":\"Metaspace\",\"replacement\":")
      string(mark)
      raw(",\"prepend_scheme\":\"\(prepend.rawValue)\",\"split\":\(split)}")
    }
  }

  mutating func decoder(_ step: TokenDecoder) {
    switch step {
    case .byteLevel:
      raw("{\"type\":\"ByteLevel\",\"add_prefix_space\":true")
      raw(",\"trim_offsets\":true,\"use_regex\":true}")
    case .replace(let from, let with): replace(from, with)
    case .byteFallback: raw("{\"type\":\"ByteFallback\"}")
    case .fuse: raw("{\"type\":\"Fuse\"}")
    case .strip(let content, let start, let stop):
      raw("{\"type\":\"Strip\",\"content\":")
      string(content)
      raw(",\"start\":\(start),\"stop\":\(stop)}")
    case .metaspace(let mark, let stripsFirst):
      raw("{\"type\":\"Metaspace\",\"replacement\":")
      string(mark)
      raw(",\"prepend_scheme\":\"\(stripsFirst ? "always" : "never")\",\"split\":false}")
    }
  }
}

extension MergeTable {
  /// Every rule, the earliest first.
  func inOrder() -> [(left: Int32, right: Int32)] {
    entries.sorted { $0.value < $1.value }.map { entry in
      (
        Int32(truncatingIfNeeded: entry.key >> 32),
        Int32(truncatingIfNeeded: entry.key & 0xFFFF_FFFF)
      )
    }
  }
}
