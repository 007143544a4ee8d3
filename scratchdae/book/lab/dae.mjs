// The tied-weight denoising autoencoder of Vincent et al. 2008, forwards, backwards and a step of gradient descent.
//
// The notation is the paper's and that of scratchdae/autoencoder.py: batches are rows, W is (D, H), and the equations
// have the numbers they have there. Arrays are flat: Float64Array where cases are compared, Float32Array where the page
// trains. Sums are taken in float64, as JavaScript computes.

// exp of a number that is not positive: it never overflows, and small values keep their digits.
export const sigmoid = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));
export const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));

// [f(a), f'(a)] of what stands behind a pre-activation
export const ACTIVATIONS = {
  sigmoid: [sigmoid, (a) => sigmoid(a) * sigmoid(-a)],
  tanh: [Math.tanh, (a) => 4 * sigmoid(2 * a) * sigmoid(-2 * a)],
  softplus: [softplus, sigmoid],
  relu: [(a) => Math.max(a, 0), (a) => (a > 0 ? 1 : 0)],
  linear: [(a) => a, () => 1],
};

// [loss of an entry, its derivative] by what the loss is a function of: the logit a_z, or the value z
export const LOSSES = {
  // softplus(a) − t a, in two terms that are never negative: nothing cancels (3), (5)
  cross_entropy: [
    (a, t) => ((a >= 0 ? 1 : 0) - t) * a + Math.log1p(Math.exp(-Math.abs(a))),
    (a, t) => sigmoid(a) - t,
  ],
  squared_error: [(z, x) => (z - x) ** 2, (z, x) => 2 * (z - x)], // (4), (6)
};

// ---- products of flat matrices: C (n, m) = A (n, k) B (k, m), and with one side turned over

// Sums are taken four at a time: a weight that is read is used four times, or a sum is written once for four.

// out[to + j] += Σ_n v[n] A[at[n] + j], over the first `count` of the lists
function addRows(v, at, count, A, out, to, H) {
  let n = 0;
  for (; n + 4 <= count; n += 4) {
    const [v0, v1, v2, v3, a0, a1, a2, a3] = [v[n], v[n + 1], v[n + 2], v[n + 3], at[n], at[n + 1], at[n + 2], at[n + 3]];
    for (let j = 0; j < H; j++) out[to + j] += v0 * A[a0 + j] + v1 * A[a1 + j] + v2 * A[a2 + j] + v3 * A[a3 + j];
  }
  for (; n < count; n++) for (let j = 0; j < H; j++) out[to + j] += v[n] * A[at[n] + j];
}

// out[i] = Σ_k x[i, k] W[k]; zeros cost nothing
function encodeSums(x, W, out, B, D, H) {
  const [v, at] = [new Float64Array(D), new Int32Array(D)];
  out.fill(0);
  for (let i = 0; i < B; i++) {
    let count = 0;
    for (let k = 0; k < D; k++) {
      const value = x[i * D + k];
      if (value !== 0) [v[count], at[count++]] = [value, k * H];
    }
    addRows(v, at, count, W, out, i * H, H);
  }
}

// out[i, k] = y[i] · W[k]
function decodeSums(y, W, out, B, D, H) {
  for (let i = 0; i < B; i += 4) {
    const [y0, y1, y2, y3] = [0, 1, 2, 3].map((n) => Math.min(i + n, B - 1) * H);
    for (let k = 0; k < D; k++) {
      const at = k * H;
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let j = 0; j < H; j++) {
        const w = W[at + j];
        s0 += y[y0 + j] * w;
        s1 += y[y1 + j] * w;
        s2 += y[y2 + j] * w;
        s3 += y[y3 + j] * w;
      }
      out[i * D + k] = s0;
      if (i + 1 < B) out[(i + 1) * D + k] = s1;
      if (i + 2 < B) out[(i + 2) * D + k] = s2;
      if (i + 3 < B) out[(i + 3) * D + k] = s3;
    }
  }
}

// dW[k] += Σ_i a[i, k] c[i]
function outerSums(a, c, dW, B, D, H) {
  const [v, at] = [new Float64Array(B), new Int32Array(B)];
  for (let k = 0; k < D; k++) {
    let count = 0;
    for (let i = 0; i < B; i++) {
      const value = a[i * D + k];
      if (value !== 0) [v[count], at[count++]] = [value, i * H];
    }
    addRows(v, at, count, c, dW, k * H, H);
  }
}

function columnSums(a, out, rows, columns) {
  out.fill(0);
  for (let i = 0; i < rows; i++) for (let k = 0; k < columns; k++) out[k] += a[i * columns + k];
}

export function transposed(W, rows, columns) {
  const out = new W.constructor(W.length);
  for (let i = 0; i < rows; i++) for (let k = 0; k < columns; k++) out[k * rows + i] = W[i * columns + k];
  return out;
}

// ---- the autoencoder

// Where a batch is computed: made once, used by every step.
export function room(B, D, H, Kind = Float32Array) {
  const make = (n) => new Kind(n);
  return {
    ...{ B, D, H, a_y: make(B * H), y: make(B * H), a_z: make(B * D), z: make(B * D), da_z: make(B * D) },
    ...{ dy: make(B * H), da_y: make(B * H), dW_encoder: make(D * H), dW_decoder: make(D * H), db: make(H) },
    db_prime: make(D),
  };
}

// Encode, (1), and decode, (2). `decoder` is W, or what decodes in its place, (D, H).
export function forward(params, x_tilde, r, { hidden = "sigmoid", output = "sigmoid" } = {}, decoder = params.W) {
  const { B, D, H } = r;
  const [f] = ACTIVATIONS[hidden];
  encodeSums(x_tilde, params.W, r.a_y, B, D, H);
  for (let i = 0; i < B; i++) {
    for (let j = 0; j < H; j++) {
      r.a_y[i * H + j] += params.b[j];
      r.y[i * H + j] = f(r.a_y[i * H + j]); // (1)
    }
  }
  decodeSums(r.y, decoder, r.a_z, B, D, H);
  for (let i = 0; i < B; i++) for (let k = 0; k < D; k++) r.a_z[i * D + k] += params.b_prime[k];
  const linear = output === "linear";
  for (let n = 0; n < r.z.length; n++) r.z[n] = linear ? r.a_z[n] : sigmoid(r.a_z[n]); // (2)
  return r.z;
}

// The loss of what `forward` left in the room, and da_z. The reduction is the paper's, a sum over D and a mean over B,
// or "mean", over both.
export function lossOf(x, r, { loss = "cross_entropy", output = "sigmoid", reduction = "paper" } = {}) {
  const [entry, derivative] = LOSSES[loss];
  const divisor = reduction === "mean" ? x.length : r.B;
  const logits = loss === "cross_entropy";
  const through = !logits && output === "sigmoid";
  let total = 0;
  for (let n = 0; n < x.length; n++) {
    const value = logits ? r.a_z[n] : r.z[n];
    total += entry(value, x[n]); // (3), (4)
    const d = derivative(value, x[n]) / divisor; // (5)
    r.da_z[n] = through ? d * r.z[n] * (1 - r.z[n]) : d; // (6)
  }
  return total / divisor;
}

// Go back, (7) to (12). A fault is a mistake that people make: "no_decoder", "no_encoder", or "clean_input".
export function backward(params, x_tilde, x, r, { hidden = "sigmoid", fault = "" } = {}, decoder = params.W) {
  const { B, D, H } = r;
  const derivative = ACTIVATIONS[hidden][1];
  columnSums(r.da_z, r.db_prime, B, D); // (7)
  r.dW_decoder.fill(0);
  if (fault !== "no_decoder") outerSums(r.da_z, r.y, r.dW_decoder, B, D, H); // (8)
  encodeSums(r.da_z, decoder, r.dy, B, D, H); // (9)
  for (let n = 0; n < r.dy.length; n++) {
    const slope = hidden === "sigmoid" ? r.y[n] * (1 - r.y[n]) : derivative(r.a_y[n]);
    r.da_y[n] = r.dy[n] * slope; // (10)
  }
  columnSums(r.da_y, r.db, B, H); // (11)
  r.dW_encoder.fill(0);
  if (fault !== "no_encoder") outerSums(fault === "clean_input" ? x : x_tilde, r.da_y, r.dW_encoder, B, D, H); // (12)
}

// A step of gradient descent on a batch, in place; returns the loss before it. The gradient of a tied W is (8) + (12).
export function step(params, x_tilde, x, r, lr, settings = {}) {
  forward(params, x_tilde, r, settings);
  const loss = lossOf(x, r, settings);
  backward(params, x_tilde, x, r, settings);
  const { W, b, b_prime } = params;
  for (let n = 0; n < W.length; n++) W[n] -= lr * (r.dW_decoder[n] + r.dW_encoder[n]);
  for (let j = 0; j < b.length; j++) b[j] -= lr * r.db[j];
  for (let k = 0; k < b_prime.length; k++) b_prime[k] -= lr * r.db_prime[k];
  return loss;
}

// ---- corruption, given what was drawn

export const CORRUPTIONS = {
  none: (x) => x.slice(),
  masking: (x, { mask }) => x.map((value, n) => (mask[n] ? 0 : value)),
  salt_and_pepper: (x, { mask, coin }) => x.map((value, n) => (mask[n] ? Number(coin[n]) : value)),
  gaussian: (x, { noise, sigma }) => x.map((value, n) => value + sigma * noise[n]),
};
