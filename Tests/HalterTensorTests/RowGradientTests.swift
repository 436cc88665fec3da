import Foundation
import HalterBackend
import HalterTensor
import Testing

/// The operations row by row.
@Suite struct RowGradientTests {
  @Test(
    arguments: [[1, 1], [0, 5], [5, 1], [3, 7], [2, 3, 33]] as [Shape],
    [[], [0], [1]] as [Set<Int>])
  func rmsNorm(shape: Shape, frozen: Set<Int>) {
    let (columns, epsilon) = (shape.columns, Double(Float(1e-3)))
    GradientCheck(shapes: [shape, [columns]], frozen: frozen).run({
      $0[0].rmsNorm(weight: $0[1], epsilon: 1e-3)
    }) { x in
      x[0].indices.map { index in
        let row = x[0][index / columns * columns..<(index / columns + 1) * columns]
        let square = row.reduce(0) { $0 + $1 * $1 } / Double(columns)
        return x[1][index % columns] * x[0][index] / (square + epsilon).squareRoot()
      }
    }
  }

  @Test(arguments: [[], [2], [3, 3, 0, 3], [1, 0, 3, 2, 1]] as [[Int32]])
  func gatherRows(ids: [Int32]) {
    let backend = CPUBackend(threads: 1)
    let rows = Tensor(ids, shape: [ids.count], on: backend)
    GradientCheck(shapes: [[4, 5]]).run({ $0[0].gatherRows(rows) }) { x in
      ids.flatMap { x[0][Int($0) * 5..<Int($0 + 1) * 5] }
    }
  }

  @Test(arguments: [(0, 1, 2), (1, 1, 2), (5, 3, 6), (3, 2, 34)])
  func rotated(rows: Int, heads: Int, d: Int) {
    let backend = CPUBackend(threads: 1)
    let half = d / 2
    let angles = noise(9 * half, 4, 3)
    let tables = RotaryTables(
      cosines: Tensor(angles.map { cos($0) }, shape: [9, half], on: backend),
      sines: Tensor(angles.map { sin($0) }, shape: [9, half], on: backend))
    #expect(tables.headDim == d && tables.positions == 9)
    let positions = (0..<rows).map { Int32((8 + $0 * 4) % 9) }
    let places = Tensor(positions, shape: [rows], on: backend)
    GradientCheck(shapes: [[rows, heads * d]]).run({
      $0[0].rotated(heads: heads, positions: places, tables: tables)
    }) { x in
      var y = x[0]
      for pair in 0..<rows * heads * half {
        let low = pair / half * d + pair % half
        let angle = Double(angles[Int(positions[pair / half / heads]) * half + pair % half])
        y[low] = cos(angle) * x[0][low] - sin(angle) * x[0][low + half]
        y[low + half] = cos(angle) * x[0][low + half] + sin(angle) * x[0][low]
      }
      return y
    }
  }

  @Test func aRotationLeavesItsInputAlone() {
    let backend = CPUBackend(threads: 1)
    let x = Tensor(noise(4, 5), shape: [1, 4], on: backend)
    let before = x.floats
    let tables = RotaryTables(
      cosines: Tensor([Float(0), 0], shape: [1, 2], on: backend),
      sines: Tensor([Float(1), 1], shape: [1, 2], on: backend))
    let y = x.rotated(
      heads: 1, positions: Tensor([Int32(0)], shape: [1], on: backend), tables: tables)
    #expect(x.floats == before)
    // A quarter turn takes (a, b) to (-b, a).
    #expect(y.floats == [-before[2], -before[3], before[0], before[1]])
  }
}
