/// A buffer and the type of its elements.
public struct Elements {
  /// The elements' memory.
  public let buffer: Buffer
  /// f32 or bf16.
  public let type: DType

  /// Elements of a type.
  public init(_ buffer: Buffer, _ type: DType = .f32) {
    precondition(type != .i32, "operations on numbers are on f32 or bf16")
    self.buffer = buffer
    self.type = type
  }

  /// Checks that there are at least `count` elements before a kernel touches them.
  func holds(_ count: Int) -> Bool { count * type.byteCount <= buffer.byteCount }
}
