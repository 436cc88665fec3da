import Testing

@testable import HalterBackend

@Suite struct BufferTests {
  @Test func memoryIsHandedOutAgain() {
    let pool = BufferPool()
    var first: Buffer? = pool.buffer(byteCount: 1000)
    let address = first?.withBytes { $0.baseAddress }
    let held = pool.systemBytes
    first = nil
    let second = pool.buffer(byteCount: 900)
    #expect(second.withBytes { $0.baseAddress } == address)
    #expect(pool.systemBytes == held)
  }

  @Test func buffersInUseAreApart() {
    let pool = BufferPool()
    let (a, b) = (pool.buffer(byteCount: 256), pool.buffer(byteCount: 256))
    a.write([Float](repeating: 1, count: 64))
    b.write([Float](repeating: 2, count: 64))
    #expect(a.read(Float.self, count: 64) == [Float](repeating: 1, count: 64))
    #expect(pool.systemBytes == 512)
  }

  @Test func aSliceKeepsItsParentAlive() {
    let pool = BufferPool()
    var parent: Buffer? = pool.buffer(byteCount: 512)
    parent?.write((0..<128).map { Float($0) })
    var slice = parent?.slice(byteOffset: 64, byteCount: 256)
    var inner = slice?.slice(byteOffset: 4, byteCount: 8)
    parent = nil
    slice = nil
    // The block is still out, so this one is another.
    let other = pool.buffer(byteCount: 512)
    other.write([Float](repeating: -1, count: 128))
    #expect(inner?.read(Float.self, count: 2) == [17, 18])
    #expect(inner?.isSlice == true && !other.isSlice)
    #expect(pool.systemBytes == 1024)
    inner = nil
    _ = pool.buffer(byteCount: 512)
    #expect(pool.systemBytes == 1024, "the block came back with its last slice")
  }

  @Test func writingToASliceReachesTheParent() {
    let parent = BufferPool().buffer(byteCount: 32)
    parent.write([Int32](repeating: 0, count: 8))
    parent.slice(byteOffset: 8, byteCount: 8).write([Int32(5)], at: 1)
    #expect(parent.read(Int32.self, count: 8) == [0, 0, 0, 5, 0, 0, 0, 0])
  }

  @Test func readsAndWritesAtAnOffset() {
    let buffer = BufferPool().buffer(byteCount: 24)
    buffer.write([Float(1), 2, 3, 4, 5, 6])
    buffer.write([Float(9)], at: 2)
    buffer.write([Float](), at: 6)
    #expect(buffer.read(Float.self, count: 3, at: 1) == [2, 9, 4])
    #expect(buffer.read(Float.self, count: 0, at: 6) == [])
  }

  @Test func trimGivesBackWhatIsFree() {
    let pool = BufferPool()
    let kept = pool.buffer(byteCount: 3000)
    _ = pool.buffer(byteCount: 1 << 22)
    #expect(pool.systemBytes == 3072 + 1 << 22)
    pool.trim()
    #expect(pool.systemBytes == 3072)
    withExtendedLifetime(kept) {}
    pool.trim()
    #expect(pool.systemBytes == 3072, "a buffer in use is not trimmed")
  }

  @Test(arguments: [0, 1, 255, 256, 257, 65_535, 65_536])
  func smallCapacitiesAreMultiplesOf256(size: Int) {
    let capacity = BufferPool.capacity(for: size)
    #expect(capacity % 256 == 0 && capacity >= max(1, size) && capacity - size <= 256)
  }

  @Test(arguments: [65_537, 100_000, 131_072, 131_073, 1_000_003, (1 << 21) - 1, 1 << 30, 1 << 40])
  func largeCapacitiesWasteAnEighthAtMost(size: Int) {
    let capacity = BufferPool.capacity(for: size)
    #expect(capacity >= size)
    #expect(Double(capacity - size) <= Double(size) / 8)
    #expect(BufferPool.capacity(for: capacity) == capacity, "a capacity is its own capacity")
  }

  @Test func nearlyEqualSizesShareABlock() {
    let pool = BufferPool()
    for size in stride(from: 100_000, to: 104_000, by: 111) {
      _ = pool.buffer(byteCount: size)
    }
    #expect(pool.systemBytes == BufferPool.capacity(for: 100_000))
  }

  @Test func largeBlocksOfAnySizeUseTheSameMemory() {
    let pool = BufferPool()
    let megabyte = 1 << 20
    var kept = [pool.buffer(byteCount: megabyte)]
    for sizes in [[3, 5], [8], [2, 2, 4], [7, 1]] {
      let buffers = sizes.map { pool.buffer(byteCount: $0 * megabyte) }
      for buffer in buffers { buffer.write([Float](repeating: 1, count: 2 * megabyte / 8)) }
    }
    #expect(pool.systemBytes == 9 * megabyte)
    // A hole that does not fit is passed over, and used by what fits.
    var hole: Buffer? = pool.buffer(byteCount: 2 * megabyte)
    kept.append(pool.buffer(byteCount: megabyte))
    let address = hole?.withBytes { $0.baseAddress }
    hole = nil
    kept.append(pool.buffer(byteCount: 6 * megabyte))
    let inside = pool.buffer(byteCount: 2 * megabyte)
    #expect(inside.withBytes { $0.baseAddress } == address)
    withExtendedLifetime((kept, inside)) {}
  }

  @Test func memoryIsAligned() {
    let pool = BufferPool()
    let buffers = [1, 300, 70_000, 1 << 21].map { pool.buffer(byteCount: $0) }
    for buffer in buffers {
      let address = buffer.withBytes { UInt(bitPattern: $0.baseAddress) }
      #expect(address % (buffer.byteCount >= BufferPool.large ? 4096 : 64) == 0)
    }
  }

  @Test func aBufferOutlivesTheLastReferenceToItsPool() {
    var pool: BufferPool? = BufferPool()
    let buffer = pool?.buffer(byteCount: 64)
    pool = nil
    buffer?.write([Float(3)])
    #expect(buffer?.read(Float.self, count: 1) == [3])
  }

  @Test func poolsServeManyThreadsAtOnce() async {
    let pool = BufferPool()
    await withTaskGroup(of: Bool.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<200 {
            let size = 64 + (round * 37 + worker) % 2000
            let buffer = pool.buffer(byteCount: size)
            buffer.write([Int32](repeating: Int32(worker), count: 16))
            guard buffer.read(Int32.self, count: 16).allSatisfy({ $0 == Int32(worker) }) else {
              return false
            }
          }
          return true
        }
      }
      for await intact in group { #expect(intact) }
    }
    pool.trim()
    #expect(pool.systemBytes == 0)
  }

  @Test func theDeviceReportsWhatItHolds() {
    let backend = CPUBackend(threads: 1)
    #expect(backend.heldBytes == 0)
    var buffer: Buffer? = backend.allocate(byteCount: 500)
    #expect(backend.heldBytes == 512)
    buffer = nil
    #expect(backend.heldBytes == 512 && buffer == nil)
    backend.trim()
    #expect(backend.heldBytes == 0)
  }

  @Test func theSummaryNamesInstructionSetAndThreads() {
    #expect(CPUBackend(threads: 1, instructionSet: .portable).summary == "CPU, portable, 1 thread")
    let best = InstructionSet.best.name
    #expect(CPUBackend(threads: 3).summary == "CPU, \(best), 3 threads")
    #expect(CPUBackend(threads: 0).summary == "CPU, \(best), 1 thread")
  }
}
