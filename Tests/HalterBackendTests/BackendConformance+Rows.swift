import Foundation
import HalterBackend

/// Rows and columns: nothing, one, odd, wide, and enough rows to be split over threads.
private let extents = [(0, 5), (1, 1), (3, 17), (5, 1025), (600, 64), (65, 513)]

extension BackendConformance {
  static var rmsNormCases: [Case] {
    extents.flatMap { rows, columns in
      // Tiny inputs make epsilon matter.
      [Float(3), 1e-3].map { bound in
        let (x, w) = (noise(rows * columns, 21, bound), noise(columns, 22))
        return Case(name: "[\(rows), \(columns)] up to \(bound)", relative: 2e-6) { backend in
          let y = Guarded(rows * columns, on: backend)
          let (h, rstd) = (Guarded(rows * columns, on: backend), Guarded(rows, on: backend))
          backend.rmsNorm(
            filled(x, on: backend), weight: filled(w, on: backend), epsilon: 1e-5,
            into: y.elements, normalized: h.buffer, rstd: rstd.buffer, rows: rows,
            columns: columns)
          return [y.values, h.values, rstd.values]
        } expected: {
          let rstd = reciprocalRoots(x, rows, columns, epsilon: Double(Float(1e-5)))
          return [
            (0..<rows * columns).map {
              Double(x[$0]) * rstd[$0 / columns] * Double(w[$0 % columns])
            }, (0..<rows * columns).map { Double(x[$0]) * rstd[$0 / columns] }, rstd,
          ]
        }
      }
    }
  }

  private static func reciprocalRoots(
    _ x: [Float], _ rows: Int, _ columns: Int, epsilon: Double
  ) -> [Double] {
    (0..<rows).map { row in
      let squares = x[row * columns..<(row + 1) * columns].reduce(0.0) {
        $0 + Double($1) * Double($1)
      }
      return 1 / (squares / Double(columns) + epsilon).squareRoot()
    }
  }

  static var rmsNormBackwardCases: [Case] {
    extents.flatMap { rows, columns in
      let (x, w, dy) = (noise(rows * columns, 23), noise(columns, 24), noise(rows * columns, 25))
      let before = noise(columns, 26)
      let rstd = reciprocalRoots(x, rows, columns, epsilon: 1e-5)
      let normalized = x.indices.map { Float(Double(x[$0]) * rstd[$0 / columns]) }
      return [true, false].map { trains in
        Case(
          name: "[\(rows), \(columns)]\(trains ? "" : " frozen")",
          absolute: 2e-6 * Double(max(1, rows)).squareRoot(), relative: 5e-6
        ) { backend in
          let dx = Guarded(rows * columns, on: backend)
          let dw = Guarded(columns, initial: before, on: backend)
          backend.rmsNormBackward(
            normalized: Elements(filled(normalized, on: backend)), weight: filled(w, on: backend),
            rstd: filled(rstd.map { Float($0) }, on: backend), dy: filled(dy, on: backend),
            dx: dx.buffer, accumulate: false, dWeight: trains ? dw.buffer : nil, rows: rows,
            columns: columns)
          return [dx.values, dw.values]
        } expected: {
          var (dx, dw) = ([Double](), doubles(before))
          for row in 0..<rows {
            let r = rstd[row]
            let mean =
              (0..<columns).reduce(0.0) { sum, j in
                let i = row * columns + j
                return sum + Double(dy[i]) * Double(w[j]) * Double(x[i])
              } / Double(columns)
            for j in 0..<columns {
              let i = row * columns + j
              dx.append(r * (Double(w[j]) * Double(dy[i]) - Double(x[i]) * r * r * mean))
              if trains { dw[j] += Double(dy[i]) * Double(x[i]) * r }
            }
          }
          return [dx, dw]
        }
      }
    }
  }

  static var scaleColumnsCases: [Case] {
    extents.map { rows, columns in
      let (x, w) = (noise(rows * columns, 36), noise(columns, 37))
      return Case(name: "[\(rows), \(columns)]", relative: 1e-7) { backend in
        let y = Guarded(rows * columns, on: backend)
        backend.scaleColumns(
          Elements(filled(x, on: backend)), by: filled(w, on: backend), into: y.elements,
          rows: rows, columns: columns)
        return [y.values]
      } expected: {
        [x.indices.map { Double(x[$0]) * Double(w[$0 % columns]) }]
      }
    }
  }

  static var addBiasCases: [Case] {
    extents.map { rows, columns in
      let (bias, start) = (noise(columns, 27), noise(rows * columns, 28))
      return Case(name: "[\(rows), \(columns)]", relative: 1e-7) { backend in
        let y = Guarded(rows * columns, initial: start, on: backend)
        backend.addBias(filled(bias, on: backend), to: y.elements, rows: rows, columns: columns)
        return [y.values]
      } expected: {
        [start.indices.map { Double(start[$0]) + Double(bias[$0 % columns]) }]
      }
    }
  }

  static var addColumnSumsCases: [Case] {
    extents.map { rows, columns in
      let (x, start) = (noise(rows * columns, 29), noise(columns, 30))
      return Case(name: "[\(rows), \(columns)]", absolute: 1e-6 * Double(1 + rows)) { backend in
        let sums = Guarded(columns, initial: start, on: backend)
        backend.addColumnSums(
          of: Elements(filled(x, on: backend)), to: sums.buffer, rows: rows, columns: columns)
        return [sums.values]
      } expected: {
        var sums = doubles(start)
        for index in x.indices { sums[index % columns] += Double(x[index]) }
        return [sums]
      }
    }
  }

  static var gatherRowsCases: [Case] {
    extents.map { count, columns in
      let table = noise(7 * columns, 31)
      // The last row is among them.
      let ids = (0..<count).map { Int32((6 + $0 * 3) % 7) }
      return Case(name: "[\(count), \(columns)]") { backend in
        let y = Guarded(count * columns, on: backend)
        backend.gatherRows(
          filled(table, on: backend), ids: filled(ids, on: backend), into: y.buffer, count: count,
          columns: columns)
        return [y.values]
      } expected: {
        [ids.flatMap { doubles(Array(table[Int($0) * columns..<(Int($0) + 1) * columns])) }]
      }
    }
  }

  static var scatterAddRowsCases: [Case] {
    extents.map { count, columns in
      let (x, start) = (noise(count * columns, 32), noise(7 * columns, 33))
      // Rows that are hit often, and one (id 5) that never is.
      let ids = (0..<count).map { Int32([0, 6, 6, 3, 1, 2, 4][$0 % 7]) }
      return Case(name: "[\(count), \(columns)]", absolute: 1e-6 * Double(1 + count)) { backend in
        let table = Guarded(7 * columns, initial: start, on: backend)
        backend.scatterAddRows(
          filled(x, on: backend), ids: filled(ids, on: backend), to: table.buffer, count: count,
          columns: columns)
        return [table.values]
      } expected: {
        var table = doubles(start)
        for index in x.indices {
          table[Int(ids[index / columns]) * columns + index % columns] += Double(x[index])
        }
        return [table]
      }
    }
  }

  static var ropeCases: [Case] {
    [(0, 2, 4), (1, 1, 2), (3, 3, 10), (5, 2, 64), (520, 4, 16)].flatMap { rows, heads, d in
      [Float(1), -1].map { sign in
        let (width, half, length) = (heads * d, d / 2, 40)
        let x = noise(rows * width, 34)
        let positions = (0..<rows).map { Int32(($0 * 7 + length - 1) % length) }
        let angles = noise(length * half, 35, 3)
        let (cosines, sines) = (angles.map { cos($0) }, angles.map { sin($0) })
        return Case(name: "[\(rows), \(heads) × \(d)] \(sign)", absolute: 5e-7) { backend in
          let y = Guarded(rows * width, initial: x, on: backend)
          backend.rope(
            y.elements, rows: rows, heads: heads, headDim: d,
            positions: filled(positions, on: backend), cosines: filled(cosines, on: backend),
            sines: filled(sines, on: backend), sign: sign)
          return [y.values]
        } expected: {
          var y = doubles(x)
          for row in 0..<rows {
            for pair in 0..<heads * half {
              let low = row * width + pair / half * d + pair % half
              let angle = Int(positions[row]) * half + pair % half
              let (c, s) = (Double(cosines[angle]), Double(sign) * Double(sines[angle]))
              y[low] = c * Double(x[low]) - s * Double(x[low + half])
              y[low + half] = c * Double(x[low + half]) + s * Double(x[low])
            }
          }
          return [y]
        }
      }
    }
  }

  static var crossEntropyCases: [Case] {
    [(0, 5), (1, 1), (3, 5), (7, 97), (12, 3001)].flatMap { rows, vocabulary in
      [true, false].flatMap { differentiates in
        [Float(4), 80].map { bound in
          let logits = noise(rows * vocabulary, 36, bound)
          let labels = (0..<rows).map { Int32(($0 * 13 + vocabulary - 1) % vocabulary) }
          let weights = (0..<rows).map { [Float(1), 0, 0.25][$0 % 3] }
          let name =
            "[\(rows), \(vocabulary)] up to \(bound)\(differentiates ? "" : ", no gradient")"
          return Case(name: name, absolute: 1e-6, relative: 2e-6) { backend in
            let output = Guarded(rows * vocabulary, initial: logits, on: backend)
            let logprobs = Guarded(rows, on: backend)
            backend.crossEntropy(
              logits: output.buffer, labels: filled(labels, on: backend),
              weights: differentiates ? filled(weights, on: backend) : nil,
              logprobs: logprobs.buffer, rows: rows, vocabulary: vocabulary)
            return [output.values, logprobs.values]
          } expected: {
            var (gradient, logprobs) = ([Double](), [Double]())
            for row in 0..<rows {
              let z = doubles(Array(logits[row * vocabulary..<(row + 1) * vocabulary]))
              let largest = z.reduce(-Double.infinity, max)
              let lse = largest + log(z.reduce(0.0) { $0 + exp($1 - largest) })
              logprobs.append(z[Int(labels[row])] - lse)
              gradient += z.indices.map { j in
                differentiates
                  ? Double(weights[row]) * (exp(z[j] - lse) - (j == Int(labels[row]) ? 1 : 0))
                  : z[j]
              }
            }
            return [gradient, logprobs]
          }
        }
      }
    }
  }
}
