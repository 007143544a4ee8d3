// Mistakes in JavaScript, each a function that changes the parts of a right implementation:
//
//   node held.mjs ID {case_dir} {out_dir}          answers one case, as the runner asks it
//   node held.mjs --batch JOBS.json                answers many: a list of [ID, case_dir, out_dir]
//   node held.mjs --list                           prints the mistakes as JSON
//
// Exit status 3 says that a case is of something that is not done here.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { addRow, array, map, matmul, sum, sumRows, transpose } from "../javascript/arrays.mjs";
import { read, write } from "../javascript/safetensors.mjs";

class Unsupported extends Error {}

const logistic = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));
const bce = (a, t) => ((a >= 0 ? 1 : 0) - t) * a + Math.log1p(Math.exp(-Math.abs(a)));

// The parts that a mistake may replace.
const right = {
  f: { sigmoid: logistic, tanh: Math.tanh, relu: (a) => Math.max(a, 0), leaky_relu: (a, c) => (a > 0 ? a : c.slope * a) },
  df: {
    sigmoid: (a) => logistic(a) * logistic(-a),
    tanh: (a) => 4 * logistic(2 * a) * logistic(-2 * a),
    relu: (a) => (a > 0 ? 1 : 0),
    leaky_relu: (a, c) => (a > 0 ? 1 : c.slope),
  },
  entry: { cross_entropy: bce, squared_error: (z, x) => (z - x) ** 2, absolute_error: (z, x) => Math.abs(z - x) },
  slope: { cross_entropy: (a, t) => logistic(a) - t, squared_error: (z, x) => 2 * (z - x), absolute_error: (z, x) => Math.sign(z - x) },
  divisor: (a, c) => (c.reduction === "mean" ? a.data.length : a.shape[0]),
  destroyed: (value, i, c, { coin }) => (c.corruption === "salt_and_pepper" ? Number(coin.data[i]) : 0),
  noisy: (value, n, c) => value + c.sigma * n,
  target: (x) => x,
  seen: (x, x_tilde) => x_tilde,
  hidden: logistic,
  dhidden: (y) => y * (1 - y),
  parts: (encoder, decoder) => map((e, d) => e + d, encoder, decoder),
  throughOutput: (d, z) => d * z * (1 - z),
  l2: (c) => [c.l2, 2 * c.l2],
  bias: (d) => sumRows(d),
  velocity: (u, g, c, t) => c.momentum * u + (t === 0 ? 1 : 1 - c.dampening) * g,
  rate: (lr, t) => lr[t],
  decays: (c, weights) => (weights || c.decayed === "all" ? c.weight_decay : 0),
  lookAhead: (g, u, c) => (c.nesterov ? g + c.momentum * u : u),
};

const OPERATIONS = {
  activation(m, { a, d_output }, c) {
    const [f, df] = [m.f[c.function], m.df[c.function]];
    if (!f) throw new Unsupported(`there is no ${c.function} here`);
    return { value: map((v) => f(v, c), a), d_input: map((v, d) => d * df(v, c), a, d_output) };
  },
  loss(m, { a, target }, c) {
    const [entry, slope] = [m.entry[c.loss], m.slope[c.loss]];
    if (!entry) throw new Unsupported(`there is no ${c.loss} here`);
    const by = m.divisor(a, c);
    return { loss: sum(map(entry, a, target)) / by, d_a: map((v, t) => slope(v, t) / by, a, target) };
  },
  corruption(m, inputs, c) {
    const { x, mask, noise } = inputs;
    if (c.corruption === "none") return { x_tilde: x };
    if (c.corruption === "gaussian") return { x_tilde: map((v, n) => m.noisy(v, n, c), x, noise) };
    return { x_tilde: array(x.shape, x.data.map((v, i) => (mask.data[i] ? m.destroyed(v, i, c, inputs) : v))) };
  },
  autoencoder(m, inputs, c) {
    const { x, W, b, b_prime } = inputs;
    const V = c.tied ? transpose(W) : inputs.W_prime;
    const { x_tilde } = OPERATIONS.corruption(m, inputs, c);
    const seen = m.seen(x, x_tilde);
    const y = map(m.hidden, addRow(matmul(seen, W), b));
    const a = addRow(matmul(y, V), b_prime);
    const z = c.output === "linear" ? a : map(logistic, a);
    const t = m.target(x, x_tilde);
    const logits = c.loss === "cross_entropy";
    const found = OPERATIONS.loss(m, { a: logits ? a : z, target: t }, c);
    const d = !logits && c.output === "sigmoid" ? map(m.throughOutput, found.d_a, z) : found.d_a;
    const da = map((g, v) => g * m.dhidden(v), matmul(d, transpose(V)), y);
    const encoder = matmul(transpose(seen), da);
    const decoder = matmul(transpose(y), d);
    const [k, dk] = m.l2(c);
    const square = (w) => sum(map((v) => v * v, w));
    const decay = (g, w) => map((v, weight) => v + dk * weight, g, w);
    return {
      z,
      loss: found.loss + k * (square(W) + (c.tied ? 0 : square(V))),
      dW: decay(c.tied ? m.parts(encoder, transpose(decoder)) : encoder, W),
      db: m.bias(da),
      db_prime: m.bias(d),
      ...(c.tied ? {} : { dW_prime: decay(decoder, V) }),
    };
  },
  optimizer(m, { W, b, dW, db, lr }, c) {
    if (c.rule !== "sgd") throw new Unsupported(`there is no ${c.rule} here`);
    const steps = (start, gradients, weights) => {
      const count = start.data.length;
      let now = [...start.data];
      let u = now.map(() => 0);
      const after = [];
      for (let t = 0; t < lr.data.length; t++) {
        const rate = m.rate(lr.data, t);
        const inner = c.momentum_lr === "inside" ? rate : 1;
        const wd = m.decays(c, weights);
        const l2 = c.decay === "gradient" ? wd : 0;
        const g = now.map((w, i) => inner * (gradients.data[t * count + i] + l2 * w));
        u = u.map((v, i) => m.velocity(v, g[i], c, t));
        const keep = c.decay === "decoupled" ? 1 - rate * wd : 1;
        const outer = c.momentum_lr === "inside" ? 1 : rate;
        now = now.map((w, i) => keep * w - outer * m.lookAhead(g[i], u[i], c));
        after.push(...now);
      }
      return array([lr.data.length, ...start.shape], after);
    };
    return { W_steps: steps(W, dW, true), b_steps: steps(b, db, false) };
  },
};

const MISTAKES = [
  ["sigmoid_overflow", ["The sigmoid is exp(a) / (1 + exp(a)), which is NaN for large arguments."], "activation/sigmoid_*", { f: { sigmoid: (a) => Math.exp(a) / (1 + Math.exp(a)) } }],
  ["sigmoid_y", ["The sigmoid's derivative is y, without 1 - y."], "activation/sigmoid_*", { df: { sigmoid: logistic } }],
  ["tanh_not_squared", ["The derivative of tanh is 1 - y."], "activation/tanh_*", { df: { tanh: (a) => 1 - Math.tanh(a) } }],
  ["relu_at_zero", ["The derivative of ReLU at 0 is 1."], "activation/relu_*", { df: { relu: (a) => (a >= 0 ? 1 : 0) } }],
  ["leaky_fixed", ["The slope of the leaky rectifier is 0.2, as in TensorFlow.js' tutorials."], "activation/leaky_relu_*", { f: { leaky_relu: (a) => (a > 0 ? a : 0.2 * a) }, df: { leaky_relu: (a) => (a > 0 ? 1 : 0.2) } }],
  ["bce_mean", ["The cross-entropy is averaged over all entries."], "loss/cross_entropy_paper", { divisor: (a) => a.data.length }],
  ["bce_eps", ["1e-7 is added inside the logarithms, as TensorFlow.js does."], "loss/cross_entropy_*", { entry: { cross_entropy: (a, t) => -t * Math.log(logistic(a) + 1e-7) - (1 - t) * Math.log(1 - logistic(a) + 1e-7) } }],
  ["mse_half", ["The squared error has a factor 1/2 in the loss alone."], "loss/squared_error_*", { entry: { squared_error: (z, x) => (z - x) ** 2 / 2 } }],
  ["mae_sign", ["The sign of the absolute error's gradient is wrong."], "loss/absolute_error_*", { slope: { absolute_error: (z, x) => Math.sign(x - z) } }],
  ["mask_kept", ["Destroyed components keep a tenth of their value."], "corruption/masking*", { destroyed: (v) => v / 10 }],
  ["salt_random", ["A destroyed component is 1 where its value is above one half: the coin is not used."], "corruption/salt_and_pepper", { destroyed: (v) => (v > 0.5 ? 1 : 0) }],
  ["noise_variance", ["sigma is squared."], "corruption/gaussian", { noisy: (v, n, c) => v + c.sigma ** 2 * n }],
  ["ae_no_decoder", ["The decoder's part of the tied gradient is left out."], "autoencoder/tied_*", { parts: (e) => e }],
  ["ae_no_hidden", ["The hidden derivative is left out."], "autoencoder/*", { dhidden: () => 1 }],
  ["ae_target", ["The corrupted input is the target."], "autoencoder/*", { target: (x, x_tilde) => x_tilde }],
  ["ae_clean", ["The clean input is encoded."], "autoencoder/*", { seen: (x) => x }],
  ["ae_output", ["The derivative of the output is left out of the squared error."], "autoencoder/tied_squared_error autoencoder/untied_squared_error", { throughOutput: (d) => d }],
  ["ae_float32", ["The result of the encoder's product is kept in a Float32Array."], "autoencoder/tied_cross_entropy autoencoder/tied_squared_error", { hidden: (a) => Math.fround(logistic(a)) }],
  ["ae_l2_half", ["The penalty's gradient lacks the factor 2."], "autoencoder/*_l2", { l2: (c) => [c.l2, c.l2] }],
  ["sgd_no_momentum", ["The momentum is ignored."], "optimizer/sgd_*_momentum", { velocity: (u, g) => g }],
  ["sgd_lr_shift", ["The learning rate of the step before is used."], "optimizer/sgd_*", { rate: (lr, t) => lr[Math.max(t - 1, 0)] }],
  ["sgd_no_decay", ["Weight decay is ignored for the biases."], "optimizer/sgd_torch_weight_decay", { decays: (c, weights) => (weights ? c.weight_decay : 0) }],
  ["sgd_nesterov", ["Nesterov's look-ahead is left out."], "optimizer/sgd_*_nesterov*", { lookAhead: (g, u) => u }],
  ["pair_ae_decoder_mean", ["The decoder's part of the tied gradient is left out.", "The loss is averaged over all entries."], "autoencoder/tied_cross_entropy autoencoder/tied_squared_error", { parts: (e) => e, divisor: (a) => a.data.length }],
  ["pair_mse_half_sum", ["The squared error has a factor 1/2 in the loss alone.", "Nothing is divided by the batch."], "loss/squared_error_*", { entry: { squared_error: (z, x) => (z - x) ** 2 / 2 }, divisor: () => 1 }],
  ["pair_sgd_average_lr", ["The velocity is a moving average.", "The first learning rate is used throughout."], "optimizer/sgd_*_momentum", { velocity: (u, g, c) => c.momentum * u + (1 - c.momentum) * g, rate: (lr) => lr[0] }],
];

const merged = (parts) =>
  Object.fromEntries(Object.entries(right).map(([k, v]) => [k, k in parts ? (typeof v === "object" ? { ...v, ...parts[k] } : parts[k]) : v]));

function answer(id, caseDir, outDir) {
  const { operation, conventions } = JSON.parse(readFileSync(join(caseDir, "case.json"), "utf8"));
  if (!OPERATIONS[operation]) throw new Unsupported(`there is no ${operation} here`);
  const parts = id === "right" ? {} : MISTAKES.find(([name]) => `js_${name}` === id)[3];
  mkdirSync(outDir, { recursive: true });
  write(join(outDir, "outputs.safetensors"), OPERATIONS[operation](merged(parts), read(join(caseDir, "inputs.safetensors")), conventions));
}

const [first, second, third] = process.argv.slice(2);
if (first === "--list") console.log(JSON.stringify(MISTAKES.map(([id, said, cases]) => [id, said, cases])));
else if (first === "--batch") for (const job of JSON.parse(readFileSync(second, "utf8"))) answer(...job);
else {
  try {
    answer(first, second, third);
  } catch (error) {
    console.error(error.message);
    process.exitCode = error instanceof Unsupported ? 3 : 1;
  }
}
