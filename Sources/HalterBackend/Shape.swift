/// The extents of a row-major tensor, outermost first.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// The extents; empty for a scalar.
  public let dimensions: [Int]

  /// A shape with the given extents, each at least 0.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "shape \(dimensions) has a negative extent")
    self.dimensions = dimensions
  }

  /// A shape written as a list of extents.
  public init(arrayLiteral elements: Int...) {
    self.init(elements)
  }

  /// The number of axes.
  public var rank: Int { dimensions.count }

  /// The number of elements: the product of the extents, 1 for a scalar.
  public var count: Int { dimensions.reduce(1, *) }

  /// The extent of the innermost axis, 1 for a scalar.
  public var columns: Int { dimensions.last ?? 1 }

  /// The product of all extents but the innermost.
  public var rows: Int { dimensions.dropLast().reduce(1, *) }

  /// The extent of an axis.
  public subscript(axis: Int) -> Int { dimensions[axis] }

  /// The extents as `[2, 3]`.
  public var description: String { "\(dimensions)" }
}
