/// How patient downloads are.
public struct TransferPolicy: Sendable {
  /// Tries in a row that bring no new bytes before a transfer fails.
  public var attempts: Int
  /// The wait before the second try; it doubles with each further one.
  public var firstDelay: Duration
  /// Seconds without a byte after which a connection counts as broken.
  public var idleSeconds: Double
  /// Redirects that one request may follow.
  public var redirects: Int
  /// How long pip may take.
  public var packageLimit: Duration

  /// A policy; the defaults suit the open Internet.
  public init(
    attempts: Int = 4, firstDelay: Duration = .milliseconds(500), idleSeconds: Double = 30,
    redirects: Int = 5, packageLimit: Duration = .seconds(3600)
  ) {
    self.attempts = attempts
    self.firstDelay = firstDelay
    self.idleSeconds = idleSeconds
    self.redirects = redirects
    self.packageLimit = packageLimit
  }
}
