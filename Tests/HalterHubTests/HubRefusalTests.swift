import FlyingFox
import Foundation
import Testing

@testable import HalterHub

extension HubTests {
  /// What the hub may answer wrongly; after each, nothing is in the cache.
  @Suite struct HubRefusalTests {
    /// Pulls and gives the error, having checked that no model was left behind.
    private func refusal(
      files: [String: Data] = HubStandIn.tiny(), listing: String? = nil, token: String? = nil,
      handler: @escaping HubStandIn.Handler = { _, _ in nil },
      also check: (HubStandIn) -> Void = { _ in }
    ) async throws -> HubError {
      try await withTemporaryDirectory { root in
        try await HubStandIn.run(files: files, listing: listing, handler: handler) { hub in
          let error = try await hubError {
            _ = try await hub.store(at: root, token: token).pull("hf:acme/tiny")
          }
          #expect(holdsNoModel(root))
          check(hub)
          return try #require(error)
        }
      }
    }

    private func onWeights(
      _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) -> HubStandIn.Handler {
      { request, _ in request.path.hasSuffix(HubStandIn.weights) ? answer(request) : nil }
    }

    @Test func corruptWeights() async throws {
      var bad = HubStandIn.tiny()[HubStandIn.weights] ?? Data()
      bad[123_456] ^= 0x10
      let body = bad
      let error = try await refusal(
        handler: onWeights { _ in HTTPResponse(statusCode: .ok, body: body) })
      #expect(error.code == .corrupt)
      #expect(error.message.contains("model.safetensors of hf:acme/tiny has checksum"))
      #expect(error.message.contains(HubStandIn.sha256(body)))
    }

    @Test func corruptSmallFile() async throws {
      let error = try await refusal(handler: { request, _ in
        guard request.path.hasSuffix("/config.json") else { return nil }
        return HTTPResponse(statusCode: .ok, body: Data(#"{"model_type": "lamma"}"#.utf8))
      })
      #expect(error.code == .corrupt)
      #expect(error.message.contains("config.json"))
    }

    @Test func moreBytesThanListed() async throws {
      let long = (HubStandIn.tiny()[HubStandIn.weights] ?? Data()) + Data([0])
      let error = try await refusal(
        handler: onWeights { _ in HTTPResponse(statusCode: .ok, body: long) })
      #expect(error.code == .corrupt)
      #expect(error.message.contains("300001 bytes"))
    }

    @Test func fewerBytesThanListed() async throws {
      let short = (HubStandIn.tiny()[HubStandIn.weights] ?? Data()).dropLast(1)
      let error = try await refusal(
        handler: onWeights { _ in HTTPResponse(statusCode: .ok, body: short) })
      #expect(error.code == .unreachable)
      #expect(error.message.contains("299999 of 300000 bytes"))
    }

    @Test func rangeThatWasNotAskedFor() async throws {
      let data = HubStandIn.tiny()[HubStandIn.weights] ?? Data()
      let error = try await refusal(
        handler: onWeights { request in
          guard request.headers[.range] != nil else { return HubStandIn.cut(data, after: 50_000) }
          return HTTPResponse(
            statusCode: .partialContent, headers: [.contentRange: "bytes 0-299999/300000"],
            body: data)
        })
      #expect(error.code == .badResponse)
      #expect(error.message.contains("bytes 0-299999/300000"))
    }

    @Test(arguments: [
      (401, HubError.Code.denied, "HF_TOKEN"), (403, .denied, "accept the model's terms"),
      (404, .notFound, "check the name"), (429, .rateLimited, "wait for 17 s"),
    ])
    func statusOfTheListing(status: Int, code: HubError.Code, text: String) async throws {
      let error = try await refusal(
        handler: { _, _ in
          HTTPResponse(
            statusCode: HTTPStatusCode(status, phrase: "No"),
            headers: HTTPHeaders([
              HTTPHeader("Retry-After"): "17",
              HTTPHeader("WWW-Authenticate"): "Bearer realm=\"Authentication required\"",
            ]), body: Data("{\"error\":\"no\"}".utf8))
        },
        also: { #expect($0.requests.count == 1, "such an answer is final") })
      #expect(error.code == code)
      #expect(error.message.contains("(\(status))"))
      #expect(error.description.contains(text))
    }

    @Test func statusOfAFile() async throws {
      let error = try await refusal(
        token: "hf_x", handler: onWeights { _ in HTTPResponse(statusCode: .forbidden) })
      #expect(error.code == .denied)
      #expect(error.message.contains("downloading model.safetensors of hf:acme/tiny"))
      #expect(error.mend.contains("HF_TOKEN may not read it"))
      #expect(!error.description.contains("hf_x"), "no message shows the token")
    }

    @Test func serverThatAlwaysFails() async throws {
      let error = try await refusal(
        handler: { _, _ in HTTPResponse(statusCode: .internalServerError) },
        also: { #expect($0.requests.count == 3) })
      #expect(error.code == .unreachable)
      #expect(error.message.contains("failed 3 times: status 500"))
    }

    @Test func nobodyListens() async throws {
      let port = try await HubStandIn.run { $0.port }
      try await withTemporaryDirectory { root in
        let store = HubStandIn.store(at: root, endpoint: "http://127.0.0.1:\(port)")
        let error = try await hubError { _ = try await store.pull("hf:acme/tiny") }
        #expect(error?.code == .unreachable)
        #expect(error?.description.contains("check the network and HF_ENDPOINT") == true)
      }
    }

    @Test func redirectsInACircle() async throws {
      let error = try await refusal(
        handler: onWeights { request in
          HTTPResponse(
            statusCode: .found, headers: HTTPHeaders([.location: request.target.rawValue]))
        },
        also: { #expect($0.requests(of: HubStandIn.weights).count == 6) })
      #expect(error.code == .badResponse)
      #expect(error.message.contains("more than 5 redirects"))
    }

    @Test(arguments: ["file:///etc/passwd", "ftp://127.0.0.1/x"])
    func redirectOffTheWeb(location: String) async throws {
      let error = try await refusal(
        handler: onWeights { _ in
          HTTPResponse(statusCode: .found, headers: HTTPHeaders([.location: location]))
        })
      #expect(error.code == .badResponse)
      #expect(error.message.contains("redirects to nowhere"))
    }

    @Test func redirectFromHTTPSToHTTP() throws {
      let transport = try HubTransport(environment: [:], policy: TransferPolicy())
      let from = try #require(URL(string: "https://huggingface.co/a"))
      let plain = ResponseHead(status: 302, headers: ["location": "http://cdn.example/x?sig=1"])
      let error = #expect(throws: HubError.self) { try transport.target(of: plain, from: from) }
      #expect(error?.message.contains("from https to plain http at http://cdn.example/x") == true)
      #expect(error?.message.contains("sig") == false)
      let safe = ResponseHead(status: 302, headers: ["location": "https://cdn.example/x"])
      #expect(try transport.target(of: safe, from: from).host == "cdn.example")
    }

    @Test(arguments: [
      "../evil.safetensors", "/etc/evil.safetensors", "a/../../b", "a\\..\\b", "a/./b",
    ])
    func fileOutsideOfTheRepository(name: String) async throws {
      var files = HubStandIn.tiny()
      files[name] = Data("x".utf8)
      let error = try await refusal(
        files: files, also: { #expect($0.requests.count == 1) })
      #expect(error.code == .badResponse)
      #expect(error.message.contains("outside of it: '\(name)'"))
    }

    @Test func noSafetensors() async throws {
      var files = HubStandIn.tiny()
      files[HubStandIn.weights] = nil
      files["pytorch_model.bin"] = Data("x".utf8)
      let error = try await refusal(files: files)
      #expect(error.message == "hf:acme/tiny holds no .safetensors file")
    }

    @Test(arguments: [
      ("<html>", "cannot be read"),
      (#"{"sha":"main","siblings":[]}"#, "gives 'main' as its commit"),
      (#"{"sha":"COMMIT","siblings":[{"rfilename":"model.safetensors"}]}"#, "no possible size"),
      (
        #"{"sha":"COMMIT","siblings":[{"rfilename":"model.safetensors","size":-1}]}"#, "no possible"
      ),
      (#"{"sha":"COMMIT","siblings":[{"rfilename":"model.safetensors","size":3}]}"#, "no checksum"),
      (
        #"{"sha":"COMMIT","siblings":[{"rfilename":"config.json","size":3,"blobId":"../x"}]}"#,
        "no checksum"
      ),
    ])
    func listingThatCannotBeUsed(text: String, message: String) async throws {
      let listing = text.replacingOccurrences(of: "COMMIT", with: HubStandIn.commit)
      let error = try await refusal(listing: listing)
      #expect(error.code == .badResponse)
      #expect(error.message.contains(message))
    }

    @Test func otherCommitThanAskedFor() async throws {
      let asked = String(repeating: "b", count: 40)
      try await withTemporaryDirectory { root in
        try await HubStandIn.run { hub in
          let error = try await hubError {
            _ = try await hub.store(at: root).pull("hf:acme/tiny@\(asked)")
          }
          #expect(error?.message.contains("other commit \(HubStandIn.commit)") == true)
        }
      }
    }

    @Test func modelLargerThanTheDisk() async throws {
      let listing = """
        {"sha": "\(HubStandIn.commit)", "siblings": [{"rfilename": "model.safetensors",
        "size": 17592186044416, "lfs": {"sha256": "\(String(repeating: "0", count: 64))"}}]}
        """
      let error = try await refusal(
        listing: listing, also: { #expect($0.requests.count == 1, "nothing is downloaded first") })
      #expect(error.code == .diskFull)
      #expect(error.exitCode == 73)
    }

    @Test(arguments: ["ftp://example.com", "huggingface.co", "https://", "http://h/?q=1"])
    func endpointThatIsNone(text: String) {
      let error = #expect(throws: HubError.self) {
        try HubTransport(environment: ["HF_ENDPOINT": text], policy: TransferPolicy())
      }
      #expect(error?.message.contains("HF_ENDPOINT is '\(text)'") == true)
    }

    @Test func tokenThatCouldForgeAHeader() {
      let error = #expect(throws: HubError.self) {
        try HubTransport(environment: ["HF_TOKEN": "a\r\nX: y"], policy: TransferPolicy())
      }
      #expect(error?.code == .malformed)
      #expect(error?.description.contains("X: y") == false)
    }
  }
}
