import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Requests to one hub: redirects, the token, and what each status means.
struct HubTransport: Sendable {
  let endpoint: URL
  let policy: TransferPolicy
  private let token: String?

  /// Reads `HF_ENDPOINT` and `HF_TOKEN`.
  init(environment: [String: String], policy: TransferPolicy) throws(HubError) {
    self.policy = policy
    var text = environment["HF_ENDPOINT"] ?? ""
    if text.isEmpty { text = "https://huggingface.co" }
    let written = text
    while text.hasSuffix("/") { text.removeLast() }
    guard let url = URL(string: text), let host = url.host, !host.isEmpty,
      ["http", "https"].contains(url.scheme?.lowercased() ?? ""), url.query == nil
    else {
      throw HubError(
        .malformed, "HF_ENDPOINT is '\(written)', which is not the address of a hub",
        mend: "set it to something like https://huggingface.co, or leave it out")
    }
    endpoint = url
    let secret = (environment["HF_TOKEN"] ?? "").trimmingCharacters(in: .whitespacesAndNewlines)
    guard secret.utf8.allSatisfy({ (33...126).contains($0) }) else {
      throw HubError(
        .malformed, "HF_TOKEN holds characters that no token has", mend: "copy the token again")
    }
    token = secret.isEmpty ? nil : secret
  }

  /// The address of a path on the hub; each part is percent-encoded as one component.
  func address(_ parts: [String], query: String? = nil) throws(HubError) -> URL {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    let encoded = parts.map { $0.addingPercentEncoding(withAllowedCharacters: allowed) ?? $0 }
    let text =
      "\(endpoint.absoluteString)/\(encoded.joined(separator: "/"))"
      + (query.map { "?\($0)" } ?? "")
    guard let url = URL(string: text) else {
      throw HubError(.malformed, "'\(text)' is not an address")
    }
    return url
  }

  /// Sends one GET and follows its redirects; the receiver sees only the last answer.
  func get(
    _ url: URL, headers: [String: String] = [:], receiver: any BodyReceiver
  ) async throws(HubError) -> ExchangeEnd {
    var url = url
    for _ in 0...max(policy.redirects, 0) {
      let end = try await HubExchange.run(
        request(url, headers: headers), idleSeconds: policy.idleSeconds,
        receiver: RedirectGate(receiver))
      guard case .answered(let head) = end, head.isRedirect else { return end }
      url = try target(of: head, from: url)
    }
    throw HubError(
      .badResponse, "\(Self.plain(url)) is more than \(policy.redirects) redirects away",
      mend: "check HF_ENDPOINT; the server sends requests in a circle")
  }

  /// Runs `body` until it gives a value; nil and a reason mean that the connection broke.
  ///
  /// Waits between tries double. A try that `advanced` starts the count again.
  func retrying<Value>(
    _ what: String, advanced: () throws(HubError) -> Bool = { false },
    body: () async throws(HubError) -> (value: Value?, reason: String)
  ) async throws(HubError) -> Value {
    var failures = 0
    while true {
      let outcome = try await body()
      if let value = outcome.value { return value }
      failures = try advanced() ? 1 : failures + 1
      if failures >= policy.attempts {
        throw HubError(
          .unreachable,
          "\(what) from \(Self.plain(endpoint)) failed \(failures) times: \(outcome.reason)",
          mend: "check the network and HF_ENDPOINT, then run the same command again: "
            + "it goes on where it stopped")
      }
      do {
        try await Task.sleep(for: policy.firstDelay * (1 << min(failures - 1, 6)))
      } catch {
        throw HubError.cancelled
      }
    }
  }

  /// The error that a final status stands for; nil for those worth another try.
  func error(for head: ResponseHead, what: String) -> HubError? {
    let login =
      token == nil ? "set HF_TOKEN to a token that may read it" : "HF_TOKEN may not read it"
    switch head.status {
    case 401:
      return HubError(.denied, "\(what): the hub wants a login (401)", mend: login)
    case 403:
      return HubError(
        .denied, "\(what): access is refused (403)",
        mend: "accept the model's terms on its page, and \(login)")
    case 404:
      return HubError(
        .notFound, "\(what): no such repository, revision or file (404)",
        mend: "check the name; a private one needs HF_TOKEN")
    case 429:
      let wait = head.headers["retry-after"].map { " for \($0) s" } ?? " a few minutes"
      return HubError(.rateLimited, "\(what): too many requests (429)", mend: "wait\(wait)")
    case 408, 500...599:
      return nil
    default:
      return HubError(.badResponse, "\(what): unexpected status \(head.status)")
    }
  }

  private func request(_ url: URL, headers: [String: String]) -> URLRequest {
    var request = URLRequest(url: url)
    request.timeoutInterval = policy.idleSeconds
    request.setValue("halter", forHTTPHeaderField: "User-Agent")
    // Sizes and ranges count the stored bytes, so nothing may be compressed on the way.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    if let token, Self.origin(url) == Self.origin(endpoint) {
      request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
    }
    return request
  }

  /// Where a redirect leads, if it may be followed.
  func target(of head: ResponseHead, from url: URL) throws(HubError) -> URL {
    guard let location = head.headers["location"],
      let next = URL(string: location, relativeTo: url)?.absoluteURL,
      let scheme = next.scheme?.lowercased(), ["http", "https"].contains(scheme), next.host != nil
    else {
      throw HubError(
        .badResponse, "\(Self.plain(url)) redirects to nowhere (status \(head.status))")
    }
    if scheme == "http", endpoint.scheme?.lowercased() == "https" {
      throw HubError(
        .badResponse,
        "\(Self.plain(url)) redirects from https to plain http at \(Self.plain(next))",
        mend: "check HF_ENDPOINT; nothing was downloaded")
    }
    return next
  }

  /// Scheme, host and port: all three must be the endpoint's for the token to be sent.
  private static func origin(_ url: URL) -> String {
    let scheme = url.scheme?.lowercased() ?? ""
    let port = url.port ?? (scheme == "https" ? 443 : 80)
    return "\(scheme)://\(url.host?.lowercased() ?? ""):\(port)"
  }

  /// An address for a message: without its query, which may hold a signature.
  private static func plain(_ url: URL) -> String {
    url.absoluteString.split(separator: "?", maxSplits: 1).first.map(String.init) ?? ""
  }
}

/// Hides the answers that are redirects from the receiver of the body.
private final class RedirectGate: BodyReceiver {
  private let inner: any BodyReceiver

  init(_ inner: any BodyReceiver) {
    self.inner = inner
  }

  func accept(_ head: ResponseHead) throws(HubError) -> Bool {
    head.isRedirect ? false : try inner.accept(head)
  }

  func receive(_ data: Data) throws(HubError) {
    try inner.receive(data)
  }
}
