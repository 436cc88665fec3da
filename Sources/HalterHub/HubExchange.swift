import Foundation
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// The head of an answer, with no type of Foundation's in it.
struct ResponseHead: Sendable {
  let status: Int
  /// Names in lower case.
  let headers: [String: String]

  init(status: Int, headers: [String: String]) {
    self.status = status
    self.headers = headers
  }

  init(_ response: HTTPURLResponse) {
    status = response.statusCode
    var headers: [String: String] = [:]
    for (name, value) in response.allHeaderFields {
      if let name = name as? String, let value = value as? String {
        headers[name.lowercased()] = value
      }
    }
    self.headers = headers
  }

  var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
  var contentLength: Int64? { headers["content-length"].flatMap(Int64.init) }
}

/// How one exchange on the wire ended, redirects not followed.
enum ExchangeEnd: Sendable {
  /// The whole answer came in, or the receiver wanted no more of it.
  case answered(ResponseHead)
  /// The connection failed, before or within the answer.
  case broken(String)
}

/// Where the body of an answer goes.
///
/// Both calls come from one serial queue; an error ends the exchange and is what it throws.
protocol BodyReceiver: AnyObject, Sendable {
  /// Looks at the head; false leaves the body unread.
  func accept(_ head: ResponseHead) throws(HubError) -> Bool
  /// Takes the next bytes of the body.
  func receive(_ data: Data) throws(HubError)
}

/// One request and its answer over `URLSession`, in pieces, never following a redirect: who may
/// see the token after a redirect is decided by `HubTransport`.
final class HubExchange: NSObject, URLSessionDataDelegate {
  private struct State {
    var head: ResponseHead?
    var failure: HubError?
    /// Nothing more of the body is wanted.
    var refused = false
    var finished: Result<ExchangeEnd, HubError>?
    var continuation: CheckedContinuation<Result<ExchangeEnd, HubError>, Never>?
  }

  private let receiver: any BodyReceiver
  private let state = Mutex(State())

  private init(receiver: any BodyReceiver) {
    self.receiver = receiver
  }

  /// Sends a request and hands its answer to the receiver.
  static func run(
    _ request: URLRequest, idleSeconds: Double, receiver: any BodyReceiver
  ) async throws(HubError) -> ExchangeEnd {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = idleSeconds
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    configuration.httpShouldSetCookies = false
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    let delegate = HubExchange(receiver: receiver)
    let session = URLSession(configuration: configuration, delegate: delegate, delegateQueue: queue)
    defer { session.invalidateAndCancel() }
    let task = session.dataTask(with: request)
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if delegate.attach(continuation) { task.resume() }
      }
    } onCancel: {
      delegate.finish { _ in .failure(.cancelled) }
      task.cancel()
    }
    return try result.get()
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) {
    state.withLock {
      $0.head = ResponseHead(response)
      $0.refused = true
    }
    completionHandler(nil)
    task.cancel()
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
  ) {
    guard let response = response as? HTTPURLResponse else {
      completionHandler(.cancel)
      return
    }
    let head = ResponseHead(response)
    state.withLock { $0.head = head }
    var wanted = false
    do throws(HubError) {
      wanted = try receiver.accept(head)
    } catch {
      state.withLock { $0.failure = error }
    }
    if !wanted {
      state.withLock { $0.refused = true }
      dataTask.cancel()
    }
    completionHandler(wanted ? .allow : .cancel)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    if state.withLock({ $0.refused }) { return }
    do throws(HubError) {
      try receiver.receive(data)
    } catch {
      state.withLock {
        $0.failure = error
        $0.refused = true
      }
      dataTask.cancel()
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    finish { Self.result(of: $0, error: error) }
  }

  /// Takes the continuation; false when the exchange is over before it began.
  private func attach(
    _ continuation: CheckedContinuation<Result<ExchangeEnd, HubError>, Never>
  ) -> Bool {
    let finished = state.withLock { state in
      if state.finished == nil { state.continuation = continuation }
      return state.finished
    }
    if let finished { continuation.resume(returning: finished) }
    return finished == nil
  }

  /// Ends the exchange once; later ends change nothing.
  private func finish(_ result: @Sendable (State) -> Result<ExchangeEnd, HubError>) {
    let (continuation, result) = state.withLock { state in
      let end = state.finished ?? result(state)
      let continuation = state.continuation
      state.finished = end
      state.continuation = nil
      state.refused = true
      return (continuation, end)
    }
    continuation?.resume(returning: result)
  }

  private static func result(
    of state: State, error: (any Error)?
  ) -> Result<ExchangeEnd, HubError> {
    if let failure = state.failure { return .failure(failure) }
    if let head = state.head, state.refused || error == nil { return .success(.answered(head)) }
    return .success(.broken(error?.localizedDescription ?? "the server sent no usable answer"))
  }
}
