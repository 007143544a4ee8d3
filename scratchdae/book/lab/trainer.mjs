// A training that can be stepped, looked into and broken: what the page, its worker and the tests all run.

import { backward, forward, lossOf, room, step } from "./dae.mjs";
import { coins, keyOf, normals, order, PURPOSES, spent, subset, uniform } from "./draws.mjs";

export const DEFAULTS = {
  seed: 0,
  side: 14, // pixels of a side: 28, or 14, averaged
  data: "digits", // "signed": −1 to 1; "levels": 0 to 255; "independent": each pixel of another digit
  hidden: 100,
  noise: "masking", // of CORRUPTIONS
  nu: 0.25, // fraction destroyed, or standard deviation
  lr: 0.1,
  batch: 20,
  scale: 1, // of the first weights, in shares of the tutorial's 4 √(6 / (D + H))
  bias: 0, // of the output, at first
  equal: false, // whether all hidden units begin alike
  units: "sigmoid", // or "linear"
  loss: "cross_entropy",
  output: "sigmoid",
  reduction: "paper",
  fault: "", // of the backward pass, see dae.mjs
  keep: false, // whether gradients are not zeroed
  naive: false, // whether the cross-entropy is computed of probabilities, in float32
};

const MEASURED = 200; // held-out examples
const ROUNDED = "an output was exactly 0 or 1 in float32, and a logarithm of 0 was taken";
const OVERFLOWN = "the numbers grew past float32's largest, 3.4 × 10³⁸: each step overshot by more than the one before";
const fround = Math.fround;

export class Trainer {
  // `pictures`: {train, test}, Uint8Array of 28×28 pixels each
  constructor(pictures, settings = {}) {
    const s = (this.settings = { ...DEFAULTS, ...settings });
    this.D = s.side ** 2;
    this.x = prepared(pictures.train, s, 0);
    this.test = prepared(pictures.test, s, 1).subarray(0, MEASURED * this.D);
    this.n = this.x.length / this.D;
    const { D } = this;
    const H = s.hidden;
    const bound = s.scale * 4 * Math.sqrt(6 / (D + H));
    const W = uniform(keyOf(s.seed, PURPOSES.weights, 0), D * H, bound);
    if (s.equal) for (let k = 0; k < D; k++) W.fill(W[k * H], k * H, (k + 1) * H);
    this.params = { W, b: new Float32Array(H), b_prime: new Float32Array(D).fill(s.bias) };
    this.room = room(s.batch, D, H);
    this.steps = 0;
    this.nan = null; // the step at which the first number was none, and which
    this.kept = { W: new Float32Array(D * H), b: new Float32Array(H), b_prime: new Float32Array(D) };
    this.mean = columnMeans(this.x, D);
    this.measuring = room(MEASURED, D, H);
    this.fed = corrupted(this.test, D, s, (i) => keyOf(s.seed, PURPOSES.corruption, 2 ** 31 + i));
  }

  // The examples of step number t: epochs in an order of their own, the last short batch left out.
  batchOf(t) {
    const { batch, seed } = this.settings;
    const each = Math.floor(this.n / batch);
    const epoch = Math.floor(t / each);
    if (epoch !== this.epoch) [this.epoch, this.order] = [epoch, order(keyOf(seed, PURPOSES.order, epoch), this.n)];
    return this.order.slice((t % each) * batch, ((t % each) + 1) * batch);
  }

  // Take a step; return the loss of its batch before it.
  step() {
    const { settings: s, D, params, room: r } = this;
    this.batches ??= { x: new Float32Array(s.batch * D), x_tilde: new Float32Array(s.batch * D) }; // used again and again
    const { x } = this.batches;
    this.batchOf(this.steps).forEach((row, i) => x.set(this.x.subarray(row * D, (row + 1) * D), i * D));
    const first = this.steps * s.batch;
    const x_tilde = corrupted(x, D, s, (i) => keyOf(s.seed, PURPOSES.corruption, first + i), this.batches.x_tilde);
    const how = { ...s, hidden: s.units };
    let loss;
    if (!s.keep && !s.naive) {
      loss = step(params, x_tilde, x, r, s.lr, how);
    } else {
      forward(params, x_tilde, r, how);
      loss = s.naive ? naiveLoss(x, r) : lossOf(x, r, how);
      backward(params, x_tilde, x, r, how);
      this.descend();
    }
    this.steps++;
    if (this.nan === null && !Number.isFinite(loss + params.W[0] + params.b[0])) {
      this.nan = { step: this.steps, loss, why: s.naive ? ROUNDED : OVERFLOWN };
    }
    return loss;
  }

  // The same training from here on with other settings, of what does not shape the parameters.
  changed(settings) {
    const other = Object.assign(Object.create(Trainer.prototype), this);
    other.settings = { ...this.settings, ...settings };
    const copy = (arrays) => Object.fromEntries(Object.entries(arrays).map(([name, one]) => [name, one.slice()]));
    [other.params, other.kept, other.epoch] = [copy(this.params), copy(this.kept), NaN];
    other.batches = undefined;
    other.room = room(other.settings.batch, this.D, other.settings.hidden);
    return other;
  }

  descend() {
    const { params, kept, room: r, settings: s } = this;
    for (const name of Object.keys(kept)) {
      const [g, p] = [kept[name], params[name]];
      const [one, other] = name === "W" ? [r.dW_decoder, r.dW_encoder] : [r[`d${name}`], null];
      for (let n = 0; n < g.length; n++) {
        const fresh = other === null ? one[n] : one[n] + other[n];
        g[n] = s.keep ? g[n] + fresh : fresh;
        p[n] -= s.lr * g[n];
      }
    }
  }

  // The sizes of the last update, in shares of W's, and of what was applied, in shares of the fresh gradient's.
  last() {
    const { params, kept, room: r, settings: s, steps } = this;
    if (steps === 0) return { moved: NaN, applied: NaN };
    const fresh = norm(r.dW_decoder, r.dW_encoder);
    const applied = s.keep ? norm(kept.W) : fresh;
    return { moved: (s.lr * applied) / norm(params.W), applied: s.keep ? applied / fresh : 1 };
  }

  // Numbers by which failures are known, on held-out examples with the noise of the training.
  measure() {
    const { settings: s, D, params, measuring: r, test, fed, mean } = this;
    const how = { ...s, hidden: s.units };
    const z = forward(params, fed, r, how);
    const loss = lossOf(test, r, how);
    const guess = room(MEASURED, D, 1);
    for (let i = 0; i < MEASURED; i++) {
      for (let k = 0; k < D; k++) {
        guess.z[i * D + k] = mean[k];
        guess.a_z[i * D + k] = Math.log(Math.max(mean[k], 1e-7) / Math.max(1 - mean[k], 1e-7));
      }
    }
    const answers = s.loss === "cross_entropy" ? guess : clipped(guess, s.output);
    const constant = lossOf(test, answers, { ...s, output: s.loss === "cross_entropy" ? "sigmoid" : "linear" });
    return {
      step: this.steps,
      loss,
      constant,
      squared: squares(z, (n) => test[n]) / MEASURED, // of the answers, beside the best linear denoiser's
      squaredMean: squares(test, (n) => mean[n % D]) / MEASURED,
      entropy: s.loss === "cross_entropy" ? entropy(test) / MEASURED : 0,
      range: s.loss === "cross_entropy" ? 0 : outOfRange(test, s.output) / MEASURED,
      share: loss / constant,
      guessed: this.guessed(), // 1: as good as the mean picture, on what was destroyed
      spread: Math.sqrt(variance(z, D) / variance(test, D)), // of the answers, in shares of the examples'
      saturated: z.reduce((n, value) => n + (value < 0.01 || value > 0.99), 0) / z.length,
      hiddenSaturated: r.y.reduce((n, value) => n + (value < 0.01 || value > 0.99), 0) / r.y.length,
      different: different(params.W, D, s.hidden),
      ...this.last(),
      nan: this.nan,
    };
  }

  // The squared error on half of the pixels, destroyed, beside that of the mean picture.
  guessed() {
    const { settings: s, D, params, measuring: r, test, mean } = this;
    const masks = masksOf(MEASURED, D, 0.5, (i) => keyOf(s.seed, PURPOSES.corruption, 2 ** 31 + 2 ** 20 + i));
    const z = forward(params, test.map((value, n) => (masks[n] ? 0 : value)), r, { ...s, hidden: s.units });
    let [ours, means] = [0, 0];
    for (let n = 0; n < test.length; n++) {
      if (!masks[n]) continue;
      ours += (z[n] - test[n]) ** 2;
      means += (mean[n % D] - test[n]) ** 2;
    }
    return ours / means;
  }

  // The largest error of the gradient of some weights, in shares of the largest entry, by central differences in
  // float64, and the worst of them; or that of a weight that is asked for, {pixel, unit}.
  gradientCheck(count = 12, asked = null) {
    const { settings: s, D } = this;
    const B = 5;
    const H = s.hidden;
    const how = { ...s, hidden: s.units };
    const params = Object.fromEntries(Object.entries(this.params).map(([name, one]) => [name, Float64Array.from(one)]));
    const [x, x_tilde] = [this.test, this.fed].map((one) => Float64Array.from(one.subarray(0, B * D)));
    const r = room(B, D, H, Float64Array);
    const at = () => (forward(params, x_tilde, r, how), lossOf(x, r, how));
    at();
    backward(params, x_tilde, x, r, how);
    const dW = r.dW_decoder.map((value, n) => value + r.dW_encoder[n]);
    const largest = dW.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const lit = (n) => x_tilde.some((_, m) => m % D === Math.floor(n / H) && x[m] !== x_tilde[m]); // where x̃ is not x
    const weights = order(keyOf(s.seed, PURPOSES.order, 2 ** 31), D * H).slice(0, 50 * count);
    if (asked === null) weights.sort((a, b) => lit(b) - lit(a));
    const rows = (asked === null ? weights.slice(0, count) : [asked.pixel * H + asked.unit]).map((n) => {
      const [before, h] = [params.W[n], 1e-5];
      params.W[n] = before + h;
      const up = at();
      params.W[n] = before - h;
      const down = at();
      params.W[n] = before;
      return { pixel: Math.floor(n / H), unit: n % H, analytic: dW[n], numeric: (up - down) / (2 * h) };
    });
    const errors = rows.map(({ analytic, numeric }) => Math.abs(analytic - numeric) / largest);
    return { error: Math.max(...errors), rows };
  }

  // What becomes of one picture: `fed` (D,) and the answer.
  answer(fed) {
    const r = room(1, this.D, this.settings.hidden);
    const z = forward(this.params, fed, r, { ...this.settings, hidden: this.settings.units });
    return { z: z.slice(), y: r.y.slice() };
  }
}

// ---- data

// uint8 pictures of 28×28 as numbers, (N · D), as the settings say.
function prepared(pictures, { side, data, seed }, part) {
  const n = pictures.length / 784;
  const D = side * side;
  const by = 28 / side;
  const x = new Float32Array(n * D);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < 784; k++) {
      const at = Math.floor(Math.floor(k / 28) / by) * side + Math.floor((k % 28) / by);
      x[i * D + at] += pictures[i * 784 + k] / (255 * by * by);
    }
  }
  if (data === "signed") return x.map((value) => 2 * value - 1);
  if (data === "levels") return x.map((value) => 255 * value);
  if (data !== "independent") return x;
  const out = new Float32Array(x.length);
  for (let k = 0; k < D; k++) {
    order(keyOf(seed, PURPOSES.order, 2 ** 30 + 1000 * part + k), n).forEach((row, i) => (out[i * D + k] = x[row * D + k]));
  }
  return out;
}

export function masksOf(n, D, nu, key) {
  const out = new Uint8Array(n * D);
  for (let i = 0; i < n; i++) subset(key(i), D, Math.round(nu * D), out.subarray(i * D, (i + 1) * D));
  return out;
}

// The examples with the noise of the settings, each by its key.
export function corrupted(x, D, { noise, nu }, key, out = new Float32Array(x.length)) {
  if (noise === "none" || nu === 0) return x;
  const n = x.length / D;
  out.set(x);
  const count = Math.round(nu * D);
  const mask = new Uint8Array(D);
  for (let i = 0; i < n; i++) {
    const row = out.subarray(i * D, (i + 1) * D);
    if (noise === "gaussian") {
      normals(key(i), D).forEach((value, k) => (row[k] += nu * value));
      continue;
    }
    subset(key(i), D, count, mask);
    const coin = noise === "masking" ? null : coins(key(i), spent(D, count), D);
    for (let k = 0; k < D; k++) if (mask[k]) row[k] = coin === null ? 0 : coin[k];
  }
  return out;
}

// ---- measurements

// The cross-entropy as many write it, of probabilities, with every number rounded to float32; and its gradient likewise.
function naiveLoss(x, r) {
  let total = 0;
  for (let n = 0; n < x.length; n++) {
    const z = fround(1 / fround(1 + fround(Math.exp(-r.a_z[n]))));
    const rest = fround(1 - z);
    total -= fround(x[n] * fround(Math.log(z))) + fround((1 - x[n]) * fround(Math.log(rest)));
    const slope = fround(z * rest);
    r.da_z[n] = fround(fround(fround(z - x[n]) / slope) * slope) / r.B;
  }
  return total / r.B;
}

function squares(one, other) {
  let sum = 0;
  for (let n = 0; n < one.length; n++) sum += (one[n] - other(n)) ** 2;
  return sum;
}

function clipped(guess, output) {
  if (output === "sigmoid") for (let n = 0; n < guess.z.length; n++) guess.z[n] = Math.min(1, Math.max(0, guess.z[n]));
  return guess;
}

const xlogx = (p) => (p > 0 ? p * Math.log(p) : 0);
const entropy = (x) => x.reduce((sum, p) => sum - xlogx(p) - xlogx(1 - p), 0);

function outOfRange(x, output) {
  return output === "linear" ? 0 : x.reduce((sum, t) => sum + (t - Math.min(1, Math.max(0, t))) ** 2, 0);
}

function columnMeans(x, D) {
  const out = new Float64Array(D);
  for (let n = 0; n < x.length; n++) out[n % D] += x[n];
  return out.map((sum) => sum / (x.length / D));
}

function variance(x, D) {
  const mean = columnMeans(x, D);
  return x.reduce((sum, value, n) => sum + (value - mean[n % D]) ** 2, 0) / x.length;
}

function norm(one, other = null) {
  let sum = 0;
  for (let n = 0; n < one.length; n++) sum += (other === null ? one[n] : one[n] + other[n]) ** 2;
  return Math.sqrt(sum);
}

// How many hidden units have weights that no other has, to a thousandth of their size.
function different(W, D, H) {
  const seen = [];
  for (let j = 0; j < H; j++) {
    const column = columnOf(W, H, j);
    const bound = (1e-3 * (norm(column) || 1)) ** 2;
    const like = (other) => {
      let apart = 0;
      for (let k = 0; k < D && apart < bound; k++) apart += (column[k] - other[k]) ** 2;
      return apart < bound;
    };
    if (!seen.some(like)) seen.push(column);
  }
  return seen.length;
}

// The weights of hidden unit j.
export function columnOf(W, H, j) {
  const out = new Float32Array(W.length / H);
  for (let k = 0; k < out.length; k++) out[k] = W[k * H + j];
  return out;
}
