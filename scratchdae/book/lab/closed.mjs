// What the small figures show: closed forms, as scratchdae/floors has them, and two measurements at first weights.

import { ACTIVATIONS, backward, forward, lossOf, room } from "./dae.mjs";
import { keyOf, normals, PURPOSES } from "./draws.mjs";

// ---- entropy

const FAR = 10; // from here on seven terms of the asymptotic series leave less than 1e-16
const SERIES = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12];

// ψ(x), the derivative of ln Γ(x) (Abramowitz and Stegun 1964, 6.3.5 and 6.3.18)
export function digamma(x) {
  let below = 0;
  for (; x < FAR; x++) below += 1 / x;
  return Math.log(x) - 1 / (2 * x) - SERIES.reduce((sum, term, k) => sum + term / x ** (2 * k + 2), 0) - below;
}

// ln Γ(x), by its series (6.1.41)
export function logGamma(x) {
  let below = 0;
  for (; x < FAR; x++) below += Math.log(x);
  const series = SERIES.reduce((sum, term, k) => sum + term / ((2 * k + 1) * x ** (2 * k + 1)), 0);
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - below;
}

export const binaryEntropy = (p) => (p > 0 && p < 1 ? -p * Math.log(p) - (1 - p) * Math.log1p(-p) : 0);

// The cross-entropy, per component, of targets that follow Beta(a, b): at a perfect reconstruction, and of a constant.
export function betaLosses(a, b) {
  const [m, whole] = [a / (a + b), digamma(a + b + 1)];
  const floor = -(m * (digamma(a + 1) - whole) + (1 - m) * (digamma(b + 1) - whole));
  return { floor, constant: binaryEntropy(m) };
}

export const betaDensity = (x, a, b) =>
  Math.exp((a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b));

// ---- eigenvalues λ of the data's covariance, the largest first

// What a linear code of k = 0 … D numbers leaves, per component.
export function linearCodes(values) {
  const left = [0];
  for (let i = values.length - 1; i >= 0; i--) left.push(left.at(-1) + values[i]); // small ones are not lost
  return left.reverse().map((sum) => sum / values.length);
}

// What Wiener's filter leaves, per component, at noise of standard deviation s.
export const wiener = (values, s) =>
  values.reduce((sum, one) => sum + (one > 0 ? (one * s * s) / (one + s * s) : 0), 0) / values.length;

// A picture with its part along eigenvector i, `vectors` from i D on in shares of 32,767, multiplied by gain(i).
export function filtered(x, { mean, vectors }, gain) {
  const [D, z] = [x.length, Float64Array.from(mean)];
  for (let i = 0; i < D; i++) {
    const factor = gain(i) / 32767 ** 2;
    if (factor === 0) continue;
    let along = 0;
    for (let n = 0; n < D; n++) along += (x[n] - mean[n]) * vectors[i * D + n];
    for (let n = 0; n < D; n++) z[n] += factor * along * vectors[i * D + n];
  }
  return z;
}

// Gradient descent on a linear denoiser from W = 0: curvatures h, and the loss's excess over its floor, in floors,
// after each of T steps: Σ λ² / (λ + s²) (1 − lr h)^2t.
export function descent(values, s, lr, T) {
  const h = values.map((one) => 2 * (one + s * s));
  const floor = values.length * wiener(values, s);
  const parts = values.map((one) => one ** 2 / (one + s * s) / floor);
  const excess = [];
  for (let t = 0; t <= T; t++) excess.push(parts.reduce((sum, one, i) => sum + one * (1 - lr * h[i]) ** (2 * t), 0));
  return { h, excess };
}

// ---- signal by depth

// √E[y²] of layers 0 … depth of n units, weights N(0, scale² / n), standard normal input: q = scale² E[φ(√q u)²].
export function expectedSizes(kind, scale, depth) {
  const [phi] = ACTIVATIONS[kind];
  const [sizes, step] = [[1], 0.02];
  for (let layer = 0; layer < depth; layer++) {
    const a = scale * sizes.at(-1); // √ of the variance of a pre-activation
    if (kind === "relu") {
      sizes.push(a / Math.SQRT2); // by symmetry
      continue;
    }
    let sum = 0; // the trapezoidal rule: exact to rounding for what is smooth and vanishes at both ends
    for (let n = -450; n <= 450; n++) sum += phi(a * step * n) ** 2 * Math.exp(-((step * n) ** 2) / 2);
    sizes.push(Math.sqrt((sum * step) / Math.sqrt(2 * Math.PI)));
  }
  return sizes;
}

// Draw what `signal` needs: the input (examples · n) and weights, from keys.
export function drawn({ seed, n, examples, depth }) {
  const draw = (index, count) => normals(keyOf(seed, PURPOSES.weights, index), count);
  return { n, examples, x: draw(0, examples * n), W: Array.from({ length: depth }, (_, l) => draw(l + 1, n * n)) };
}

// Of each layer's output: its root mean square, and the standard deviation of a unit from input to input.
export function signal(kind, scale, { n, examples, x, W }) {
  const [phi] = ACTIVATIONS[kind];
  const rows = [statistics(x, n)];
  let y = x;
  for (const weights of W) {
    const a = new Float64Array(examples * n);
    for (let i = 0; i < examples; i++) {
      for (let k = 0; k < n; k++) {
        const value = (y[i * n + k] * scale) / Math.sqrt(n);
        if (value !== 0) for (let j = 0; j < n; j++) a[i * n + j] += value * weights[k * n + j];
      }
    }
    rows.push(statistics((y = a.map(phi)), n));
  }
  return rows;
}

function statistics(y, n) {
  const examples = y.length / n;
  let [squares, between] = [0, 0];
  for (let j = 0; j < n; j++) {
    let [sum, square] = [0, 0];
    for (let i = 0; i < examples; i++) sum += y[i * n + j];
    const mean = sum / examples;
    for (let i = 0; i < examples; i++) square += (y[i * n + j] - mean) ** 2; // two passes: nothing cancels
    squares += square + examples * mean ** 2;
    between += square;
  }
  return { size: Math.sqrt(squares / y.length), spread: Math.sqrt(between / y.length) };
}

// ---- rectifiers that die

// For each hidden unit, from which learning rate to which one step on all of x (N · D) leaves it positive on no example:
// a − lr s, s_m = Σ_n (x_n · x_m + 1) da_n. [Infinity, Infinity] if there is none; [0, …] if it is dead already.
export function deadlyRates(x, { W, decoder, D, H }) {
  const N = x.length / D;
  const r = room(N, D, H, Float64Array);
  const params = { W, b: new Float64Array(H), b_prime: new Float64Array(D) };
  forward(params, x, r, { hidden: "relu", output: "linear" }, decoder);
  lossOf(x, r, { loss: "squared_error", output: "linear", reduction: "mean" });
  backward(params, x, x, r, { hidden: "relu" }, decoder);
  const s = new Float64Array(N * H);
  for (let m = 0; m < N; m++) {
    for (let n = 0; n < N; n++) {
      let product = 1;
      for (let k = 0; k < D; k++) product += x[n * D + k] * x[m * D + k];
      for (let j = 0; j < H; j++) s[m * H + j] += product * r.da_y[n * H + j];
    }
  }
  return Array.from({ length: H }, (_, j) => {
    let [least, most] = [0, Infinity];
    for (let m = 0; m < N; m++) {
      const [a, slope] = [r.a_y[m * H + j], s[m * H + j]];
      if (slope > 0) least = Math.max(least, a / slope);
      else if (slope < 0) most = Math.min(most, a / slope);
      else if (a > 0) return [Infinity, Infinity];
    }
    return least <= most ? [least, most] : [Infinity, Infinity];
  });
}

// First weights of such a network: He's for the rectifiers, 1/√H for the linear output, (D, H) both.
export function rectifiers(seed, D, H) {
  const draw = (index, size) => normals(keyOf(seed, PURPOSES.weights, index), D * H).map((value) => value * size);
  return { D, H, W: draw(0, Math.sqrt(2 / D)), decoder: draw(1, Math.sqrt(1 / H)) };
}

export const deadAt = (rates, lr) => rates.map(([least, most]) => least <= lr && lr <= most);
