/// The kernels that tensors run on: one device with its memory.
///
/// Buffers hold f32 unless a name says otherwise; matrices are row-major and contiguous. Sizes may
/// be zero. Arguments are checked here once (a violation is a bug of the caller and stops the
/// program); results do not depend on the number of threads.
public protocol Backend: AnyObject {
  /// The device in words, for a run's header: instruction set and threads.
  var summary: String { get }

  /// Bytes of device memory held, in use or kept for reuse.
  var heldBytes: Int { get }

  /// What products of a model's layers compute with.
  var compute: ComputeType { get }

  /// A buffer with undefined contents.
  func allocate(byteCount: Int) -> Buffer

  /// Returns memory that is held only for reuse to the system.
  func trim()

  // MARK: Elementwise

  /// Sets `count` elements to a value.
  func fill(_ y: Buffer, count: Int, with value: Float)
  /// y = x.
  func copy(_ x: Buffer, to y: Buffer, byteCount: Int)
  /// y = a + b; y may be a or b.
  func add(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int)
  /// y = a · b, element by element; y may be a or b.
  func multiply(_ a: Buffer, _ b: Buffer, into y: Buffer, count: Int)
  /// y = s · x; y may be x.
  func scale(_ x: Buffer, by s: Float, into y: Buffer, count: Int)
  /// y += s · x.
  func accumulate(_ x: Buffer, scaledBy s: Float, into y: Buffer, count: Int)
  /// y = silu(gate) · up (Shazeer 2020, SwiGLU), all of one type.
  func swiglu(gate: Elements, up: Elements, into y: Elements, count: Int)
  /// The gradients of `swiglu` by gate and by up, all of one type.
  func swigluBackward(
    gate: Elements, up: Elements, dy: Elements, dGate: Elements, dUp: Elements, count: Int)
  /// Inverted dropout; the same seed drops the same elements, so the gradient is the same call.
  func dropout(_ x: Elements, probability: Float, seed: UInt64, into y: Elements, count: Int)
  /// The sum of squares, in double precision.
  func sumOfSquares(_ x: Buffer, count: Int) -> Double
  /// f32 to bf16, round to nearest even.
  func convertToBF16(_ x: Buffer, into y: Buffer, count: Int)
  /// bf16 to f32, exact.
  func convertFromBF16(_ x: Buffer, into y: Buffer, count: Int)

  // MARK: Stored weights

  /// Decodes `rows` stored rows to f32, `[rows, columns]`; row i of the result is stored row
  /// `rowOrder[i]` where an order is given. `columns` is a whole number of blocks.
  func decode(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    into y: Buffer)

  /// Puts stored rows on the device: as they are, or quantised strip by strip, so that there is
  /// never a dense copy. Row i of the result is stored row `rowOrder[i]` where an order is given.
  /// - Returns: the weights, nil if a value is not finite.
  func store(
    _ source: RawSpan, format: ElementFormat, rows: Int, columns: Int, rowOrder: [Int]?,
    quantization: WeightQuantization?
  ) -> StoredWeights?
  /// y[i] = row ids[i] of stored weights, as f32 (ids are i32 and in range).
  func gatherRows(of weights: StoredWeights, ids: Buffer, into y: Buffer, count: Int)
  /// A range of rows of stored weights as f32, `[range.count, columns]`.
  func decodeRows(_ range: Range<Int>, of weights: StoredWeights, into y: Buffer)

  // MARK: Rows

  /// h = x / rms(x) row by row and y = w · h (Zhang & Sennrich 2019), of one type; `rstd` gets
  /// 1 / rms, one per row. Without `normalized`, h is not kept.
  func rmsNorm(
    _ x: Buffer, weight: Buffer, epsilon: Float, into y: Elements, normalized: Buffer?,
    rstd: Buffer, rows: Int, columns: Int)
  /// dx = gradient of `rmsNorm` by x, or dx += … when accumulating; `dWeight`, if given, is
  /// incremented by the gradient by w.
  func rmsNormBackward(
    normalized: Elements, weight: Buffer, rstd: Buffer, dy: Buffer, dx: Buffer, accumulate: Bool,
    dWeight: Buffer?, rows: Int, columns: Int)
  /// y = w · x, row by row, of one type.
  func scaleColumns(_ x: Elements, by w: Buffer, into y: Elements, rows: Int, columns: Int)
  /// Adds a bias to every row of y.
  func addBias(_ bias: Buffer, to y: Elements, rows: Int, columns: Int)
  /// Adds the sum of the rows of x to `sums`.
  func addColumnSums(of x: Elements, to sums: Buffer, rows: Int, columns: Int)
  /// y[i] = table[ids[i]] (ids are i32 and in range).
  func gatherRows(_ table: Buffer, ids: Buffer, into y: Buffer, count: Int, columns: Int)
  /// table[ids[i]] += x[i], in the order of i.
  func scatterAddRows(_ x: Buffer, ids: Buffer, to table: Buffer, count: Int, columns: Int)
  /// Rotates heads in place; `sign` +1 is the forward direction, -1 its inverse.
  /// `tables` holds cosines then sines, [positions, headDim / 2] each.
  func rope(
    _ x: Elements, rows: Int, heads: Int, headDim: Int, positions: Buffer, cosines: Buffer,
    sines: Buffer, sign: Float)

  // MARK: Products

  /// c = alpha · op(a) · op(b), or c += … when accumulating (f32 only); op(a) is [m, k], op(b) is
  /// [k, n].
  func matmul(
    _ a: Elements, transposed transposeA: Bool, _ b: Elements, transposed transposeB: Bool,
    into c: Elements, m: Int, n: Int, k: Int, alpha: Float, accumulate: Bool,
    compute: ComputeType)

  /// y[m, rows] = x[m, columns] · Wᵀ, or y += … when accumulating (f32 only), with a low-rank term
  /// added.
  func product(
    _ x: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into y: Elements, accumulate: Bool)
  /// dx[m, columns] = dy[m, rows] · W, or dx += … when accumulating (f32 only), with a low-rank
  /// term added.
  func transposedProduct(
    _ dy: Elements, count m: Int, _ weights: StoredWeights, adding term: LowRankTerm?,
    into dx: Elements, accumulate: Bool)

  /// ys[i] = x · Wᵢᵀ for matrices of one number of columns, in f32, in one loop over the threads:
  /// for few rows, as while generating.
  func products(_ x: Buffer, count m: Int, _ weights: [StoredWeights], into ys: [Buffer])

  // MARK: Fused

  /// Causal attention inside each segment, heads grouped onto kv heads (Ainslie et al. 2023).
  /// `out` is [T, heads · headDim], of the type of the others; `lse` [heads, T], f32, keeps the
  /// log-sum-exp for the gradient. Products compute with the device's compute type.
  func attention(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer)
  /// The gradients of `attention` by q, k and v, which are overwritten; all of one type.
  func attentionBackward(
    _ geometry: AttentionGeometry, q: Elements, k: Elements, v: Elements, out: Elements,
    lse: Buffer, dOut: Elements, dq: Elements, dk: Elements, dv: Elements)
  /// Attention of new queries against a cache, f32: query i sees the first `visible + i` keys, at
  /// least one.
  func cachedAttention(
    q: Buffer, k: Buffer, v: Buffer, out: Buffer, queries: Int, visible: Int, heads: Int,
    kvHeads: Int, headDim: Int, scale: Float)
  /// Row by row, `logprobs` gets log softmax(logits)[label]; with weights, the logits become
  /// weight · (softmax - onehot). Labels are i32 and in range.
  func crossEntropy(
    logits: Buffer, labels: Buffer, weights: Buffer?, logprobs: Buffer, rows: Int,
    vocabulary: Int)
  /// Row by row, `logprobs` gets log softmax(hidden · headᵀ)[label]; with weights, `dHidden` gets
  /// the gradient of the sum of -weight · logprob. Labels are i32 and in range.
  func linearCrossEntropy(
    _ hidden: Buffer, count: Int, head: StoredWeights, labels: Buffer, weights: Buffer?,
    logprobs: Buffer, dHidden: Buffer?)

  // MARK: Optimiser

  /// One AdamW step in place (Loshchilov & Hutter 2019).
  func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, m: Buffer, v: Buffer,
    count: Int)
  /// The same with moments as 8-bit codes, decoded and encoded again block by block (Dettmers et
  /// al. 2022).
  func adamW(
    _ constants: AdamWConstants, gradient: Buffer, parameter: Buffer, moments: QuantizedMoments,
    count: Int)
}

extension Backend {
  /// The type that activations inside a block have while training: what they are rounded to anyway
  /// when a product reads them.
  public var activationType: DType { compute == .bf16 ? .bf16 : .f32 }
}

/// What a call of causal segment attention is over.
public struct AttentionGeometry: Sendable, Equatable {
  /// Cumulative starts of the segments, `[0, …, T]`.
  public let segments: [Int]
  /// Query heads, kv heads (a divisor of the heads) and the size of a head.
  public let heads: Int
  /// The number of key/value heads.
  public let kvHeads: Int
  /// The size of a head.
  public let headDim: Int
  /// The factor on the scores, usually headDim^-0.5.
  public let scale: Float

  /// A geometry; `segments` must rise from 0 and `heads` be a multiple of `kvHeads`.
  public init(segments: [Int], heads: Int, kvHeads: Int, headDim: Int, scale: Float) {
    precondition(segments.first == 0 && zip(segments, segments.dropFirst()).allSatisfy { $0 <= $1 })
    precondition(kvHeads > 0 && heads % kvHeads == 0, "\(heads) heads over \(kvHeads) kv heads")
    self.segments = segments
    self.heads = heads
    self.kvHeads = kvHeads
    self.headDim = headDim
    self.scale = scale
  }

  /// The number of tokens in all segments.
  public var tokens: Int { segments.last ?? 0 }
}

/// The constants of one AdamW step.
public struct AdamWConstants: Sendable, Equatable {
  /// The step size.
  public var learningRate: Float
  /// The decay rate of the first moment.
  public var beta1: Float
  /// The decay rate of the second moment.
  public var beta2: Float
  /// Added to the root of the second moment.
  public var epsilon: Float
  /// Decoupled weight decay.
  public var weightDecay: Float
  /// The number of the step, from 1.
  public var step: Int
  /// Multiplies the gradient first (clipping).
  public var gradientScale: Float

  /// The constants of a step.
  public init(
    learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float,
    step: Int, gradientScale: Float
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.step = step
    self.gradientScale = gradientScale
  }
}
