/// A guess at the language of a text in Latin letters by its commonest function words. It is good
/// enough to see what a set is made of and finds no language in short or mixed texts.
enum LanguageGuess {
  /// The language that most words of a text speak for; nil if none clearly does.
  static func language(of text: some StringProtocol) -> String? {
    var hits = [Int](repeating: 0, count: names.count)
    var words = 0
    for word in text.split(whereSeparator: { !$0.isLetter && $0 != "'" }).prefix(2000) {
      words += 1
      for language in languages[word.lowercased()] ?? [] { hits[language] += 1 }
    }
    let ranked = hits.indices.sorted { hits[$0] > hits[$1] }
    let (best, next) = (hits[ranked[0]], hits[ranked[1]])
    guard best >= 2, best * 12 >= words, best > next else { return nil }
    return names[ranked[0]]
  }

  private static let names = vocabulary.map(\.name)

  /// The languages, by index, of each word.
  private static let languages: [String: [Int]] = {
    var languages: [String: [Int]] = [:]
    for (index, entry) in vocabulary.enumerated() {
      for word in entry.words.split(separator: " ") {
        languages[String(word), default: []] += [index]
      }
    }
    return languages
  }()

  private static let vocabulary: [(name: String, words: String)] = [
    ("English", "the of and to is that it for was with as you on are be this have not what how"),
    ("German", "der die und das ist nicht ein eine zu den mit von sie auf für ich es dem wie wir"),
    ("French", "le la les et des est une dans que pour qui pas sur du au vous il je avec ce"),
    ("Spanish", "el la los las y que es una por con para se no del lo como su más qué está"),
    ("Portuguese", "o a os as e que é uma por com para não do da em um como mais você são"),
    ("Italian", "il la gli e che è di una per con non del della sono come più nel questo un lo"),
    ("Dutch", "de het een en van is dat niet op te zijn voor met die je wat maar ook aan er"),
    ("Swedish", "och att det som en är på av för inte med den till har ett jag de om så kan"),
    ("Danish", "og at det som en er på af for ikke med den til har et jeg de om så kan"),
    ("Polish", "i w nie się na jest to że z do jak co ale czy o tym dla po przez może"),
    ("Turkish", "ve bir bu için ile da de ne çok daha gibi olarak var mı ama o ben en kadar"),
    ("Indonesian", "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke ada"),
    ("Vietnamese", "và của là có không được trong một cho các với này người đã để những khi từ"),
  ]
}
