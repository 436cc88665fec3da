import HalterData
import HalterTokenizers
import Testing

@Suite struct TextProfileTests {
  private func profile(_ texts: String...) -> TextProfile {
    var profile = TextProfile()
    for text in texts {
      profile.add(.text(TextDocument(text: text, location: RowLocation(file: "t", line: 1))))
    }
    return profile
  }

  @Test(arguments: [
    ("Straße", WritingScript.latin), ("λόγος", .greek), ("слово", .cyrillic), ("מילה", .hebrew),
    ("كلمة", .arabic), ("शब्द", .devanagari), ("คำ", .thai), ("ことばカタカナ", .kana), ("단어", .hangul),
    ("漢字", .han), ("բառ", .other),
  ])
  func lettersAreCountedByScript(text: String, script: WritingScript) {
    #expect(profile(text).scriptShares.map(\.script) == [script])
  }

  @Test func whatIsNoLetterHasNoScript() {
    let found = profile("12 + 34 = 46 !? 🙂 … “”")
    #expect(found.letters.isEmpty)
    #expect(found.characters == 22)
  }

  @Test func sharesAddUp() {
    let found = profile("abcd", "абв", "漢")
    #expect(found.scriptShares.map(\.script) == [.latin, .cyrillic, .han])
    #expect(found.scriptShares.map(\.share) == [0.5, 0.375, 0.125])
  }

  @Test(arguments: [
    ("The recipe says what is trained and on which rows of the file.", "English"),
    ("Das Rezept sagt, was gelernt wird und auf welchen Zeilen der Datei.", "German"),
    ("La recette dit ce que le modèle apprend et sur quelles lignes du fichier.", "French"),
    ("La receta dice qué se aprende y con qué filas del archivo, no más.", "Spanish"),
    ("Het recept zegt wat er wordt geleerd en op welke regels van het bestand.", "Dutch"),
    ("Przepis mówi, czego model się uczy i na jakich wierszach, ale nie jak.", "Polish"),
  ])
  func languagesAreTold(text: String, language: String) {
    #expect(profile(text).languageShares.map(\.language) == [language])
  }

  @Test(arguments: ["x = y + 1", "Halter", "слово и слово", ""])
  func noLanguageIsMadeUp(text: String) {
    #expect(profile(text).languages.isEmpty)
  }

  @Test func languagesAreSharesOfAllRows() {
    let found = profile("What is the name of the file?", "42", "How is it that you are here?", "ok")
    #expect(found.languageShares.map(\.share) == [0.5])
    #expect(found.rows == 4)
  }
}
