import Foundation
import Testing

/// The rules of the house that a compiler does not know: who may depend on whom, who may import C,
/// how long a file may be, and what a library never does.
@Suite struct LayeringTests {
  /// The layers from top to bottom. A module imports modules of layers below its own only.
  static let layers: [[String]] = [
    ["halter"],
    ["HalterRecipes"],
    ["HalterTraining"],
    ["HalterModels", "HalterAdapters", "HalterData", "HalterHub"],
    ["HalterNN", "HalterOptim", "HalterFormats", "HalterTokenizers"],
    ["HalterTensor"],
    ["HalterBackend", "HalterJSON", "HalterRandom"],
    ["CHalterKernels", "CHDF5", "CZlib"],
  ]

  /// The one module that wraps each C module.
  static let wrappers = [
    "CHalterKernels": "HalterBackend", "CHDF5": "HalterFormats",
    "CZlib": "HalterFormats",
  ]

  static let longest = 420

  private static let ours = Set(layers.flatMap { $0 })

  private static func depth(_ module: String) -> Int? {
    layers.firstIndex { $0.contains(module) }
  }

  // MARK: - Reading the sources

  struct Source {
    let module: String
    let path: String
    let lines: [String]

    /// The modules that the file imports, each once.
    var imports: Set<String> {
      Set(
        lines.compactMap { line in
          guard let match = line.wholeMatch(of: Self.importLine) else { return nil }
          return String(match.1)
        })
    }

    /// The lines without their comments, numbered from 1. A `//` within a string counts as one.
    var code: [(number: Int, text: String)] {
      lines.enumerated().map { index, line in
        (index + 1, String(line.split(separator: "//", omittingEmptySubsequences: false)[0]))
      }
    }

    nonisolated(unsafe) private static let importLine =
      /\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|private|fileprivate)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+).*/
  }

  private static func sources(_ extensions: Set<String> = ["swift"]) throws -> [Source] {
    let folder = Repository.root.appending(path: "Sources")
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
    return try names.filter { extensions.contains(($0 as NSString).pathExtension) }.map { name in
      let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
      return Source(
        module: String(name.prefix { $0 != "/" }), path: "Sources/\(name)",
        lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }
  }

  /// What each module of the package may depend on, as `Package.swift` says: the text between a
  /// target's name and the end of its declaration, with the names of constants replaced.
  private static func declared() throws -> [String: Set<String>] {
    let text = try String(
      contentsOf: Repository.root.appending(path: "Package.swift"), encoding: .utf8)
    let products = [
      "argumentParser": "ArgumentParser", "crypto": "Crypto", "logging": "Logging",
    ]
    var declared: [String: Set<String>] = [:]
    for match in text.matches(
      of:
        /(?:layer\(\s*"(\w+)",\s*uses:|executableTarget\(\s*name:\s*"(\w+)",\s*dependencies:)\s*\[([^\]]*)\]/
    ) {
      guard let name = match.1 ?? match.2 else { continue }
      let words = match.3.split { !($0.isLetter || $0.isNumber) }.map(String.init)
      declared[String(name)] = Set(words.map { products[$0] ?? $0 })
    }
    return declared
  }

  /// Modules that come with the compiler.
  private static let system: Set<String> = [
    "Foundation", "Synchronization", "Dispatch", "Glibc", "Darwin", "Musl", "RegexBuilder",
    "FoundationNetworking",
  ]

  // MARK: - Rules

  @Test func theManifestIsUnderstood() throws {
    let declared = try Self.declared()
    #expect(declared.count >= 13)
    #expect(declared["HalterTokenizers"] == ["HalterJSON"])
    #expect(declared["HalterOptim"] == ["HalterBackend", "HalterTensor"])
    #expect(declared["halter"]?.contains("ArgumentParser") == true)
    #expect(try Self.sources().count > 100)
  }

  @Test func everyModuleHasALayer() throws {
    for module in Set(try Self.sources(["swift", "h", "c"]).map(\.module)) {
      #expect(Self.depth(module) != nil, "\(module) is in no layer")
    }
  }

  @Test func declaredDependenciesPointDown() throws {
    for (module, dependencies) in try Self.declared() {
      let depth = try #require(Self.depth(module), "\(module) is in no layer")
      for dependency in dependencies where Self.ours.contains(dependency) {
        let other = try #require(Self.depth(dependency))
        #expect(other > depth, "\(module) depends on \(dependency), which is not below it")
      }
    }
  }

  @Test func importsPointDown() throws {
    for source in try Self.sources() {
      let depth = try #require(Self.depth(source.module))
      for name in source.imports where Self.ours.contains(name) {
        let other = try #require(Self.depth(name))
        #expect(other > depth, "\(source.path) imports \(name), which is not below its module")
      }
    }
  }

  @Test func aModuleImportsOnlyWhatItDeclares() throws {
    let declared = try Self.declared()
    for source in try Self.sources() {
      let allowed = try #require(declared[source.module], "\(source.module) is not in the manifest")
      for name in source.imports.subtracting(Self.system) {
        #expect(allowed.contains(name), "\(source.path) imports \(name), which is not declared")
      }
    }
  }

  @Test func aModuleDeclaresOnlyWhatItImports() throws {
    let sources = try Self.sources()
    for (module, dependencies) in try Self.declared() {
      let imported = sources.filter { $0.module == module }.reduce(into: Set<String>()) {
        $0.formUnion($1.imports)
      }
      #expect(
        dependencies.subtracting(imported).isEmpty,
        "\(module) declares \(dependencies.subtracting(imported).sorted()) and never imports it")
    }
  }

  @Test func cIsImportedOnlyByTheModuleThatWrapsIt() throws {
    for source in try Self.sources() {
      for (name, wrapper) in Self.wrappers where source.imports.contains(name) {
        #expect(source.module == wrapper, "\(source.path) imports \(name)")
      }
    }
  }

  @Test func cNeverShowsInAnInterface() throws {
    for source in try Self.sources() {
      for line in source.lines where Self.wrappers.keys.contains(where: { line.hasSuffix($0) }) {
        guard line.contains("import ") else { continue }
        #expect(line.hasPrefix("internal import "), "\(source.path): \(line)")
      }
    }
  }

  @Test func noFileIsTooLong() throws {
    for source in try Self.sources(["swift", "c", "h"]) {
      #expect(source.lines.count <= Self.longest, "\(source.path): \(source.lines.count) lines")
    }
  }

  @Test func librariesNeverPrint() throws {
    for source in try Self.sources() where source.module != "halter" {
      for (number, text) in source.code where text.contains(/\b(?:print|debugPrint|dump|puts)\(/) {
        Issue.record("\(source.path):\(number) prints: \(text)")
      }
    }
  }

  @Test func nothingGivesUpOnOutsideInput() throws {
    for source in try Self.sources() {
      for (number, text) in source.code where text.contains(/\b(?:fatalError\b|try!|as! )/) {
        Issue.record("\(source.path):\(number): \(text)")
      }
    }
  }

  @Test func everySourceFileHasOneName() throws {
    var seen: [String: String] = [:]
    for source in try Self.sources() {
      let key = source.module + "/" + (source.path as NSString).lastPathComponent
      #expect(seen[key] == nil, "\(source.path) and \(seen[key] ?? "") have one name")
      seen[key] = source.path
    }
  }
}
