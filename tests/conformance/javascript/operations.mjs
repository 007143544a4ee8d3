// The mathematics: one function for each operation of the cases, from inputs and conventions to an answer.

import { addRow, array, map, mapRows, matmul, sum, sumRows, transpose } from "./arrays.mjs";

export class Unsupported extends Error {}

// exp of a number that is not positive: it never overflows, and small values keep their digits.
const sigmoid = (a) => (a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a)));
const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
const sign = (e) => (e > 0 ? 1 : e < 0 ? -1 : 0);

function softmaxRow(row) {
  const largest = Math.max(...row);
  const exponentials = row.map((a) => Math.exp(a - largest));
  const total = exponentials.reduce((before, e) => before + e, 0);
  return exponentials.map((e) => e / total);
}

// [f(a), f'(a)] of each elementwise activation.
const ACTIVATIONS = {
  sigmoid: () => [sigmoid, (a) => sigmoid(a) * sigmoid(-a)],
  tanh: () => [Math.tanh, (a) => 4 * sigmoid(2 * a) * sigmoid(-2 * a)],
  softplus: () => [softplus, sigmoid],
  relu: () => [(a) => Math.max(a, 0), (a) => (a > 0 ? 1 : 0)],
  leaky_relu: ({ slope }) => [(a) => (a > 0 ? a : slope * a), (a) => (a > 0 ? 1 : slope)],
  identity: () => [(a) => a, () => 1],
};

function activation({ a, d_output }, conventions) {
  if (conventions.function === "softmax") {
    const pullBack = (y, dy) => {
      const along = y.reduce((total, value, k) => total + value * dy[k], 0);
      return y.map((value, k) => value * (dy[k] - along));
    };
    const value = mapRows(softmaxRow, a);
    return { value, d_input: mapRows(pullBack, value, d_output) };
  }
  const [f, derivative] = choose(ACTIVATIONS, conventions.function)(conventions);
  return { value: map(f, a), d_input: map((x, d) => d * derivative(x), a, d_output) };
}

// [loss of an entry, its derivative], of the logits for the cross-entropy and of the values for the others.
const LOSSES = {
  cross_entropy: () => [
    // softplus(a) - t a, in two terms that are never negative: nothing cancels
    (a, t) => ((a >= 0 ? 1 : 0) - t) * a + Math.log1p(Math.exp(-Math.abs(a))),
    (a, t) => sigmoid(a) - t,
  ],
  squared_error: () => [(z, x) => (z - x) ** 2, (z, x) => 2 * (z - x)],
  absolute_error: () => [(z, x) => Math.abs(z - x), (z, x) => sign(z - x)],
  huber: ({ delta }) => [
    (z, x) => (Math.abs(z - x) <= delta ? (z - x) ** 2 / 2 : delta * (Math.abs(z - x) - delta / 2)),
    (z, x) => Math.max(-delta, Math.min(delta, z - x)),
  ],
};

function loss({ a, target }, conventions) {
  const { loss: name, reduction } = conventions;
  if (name === "softmax_cross_entropy") return softmaxCrossEntropy(a, target);
  const [entry, derivative] = choose(LOSSES, name)(conventions);
  const divisor = reduction === "mean" ? a.data.length : a.shape[0];
  return {
    loss: sum(map(entry, a, target)) / divisor,
    d_a: map((value, t) => derivative(value, t) / divisor, a, target),
  };
}

function softmaxCrossEntropy(a, labels) {
  const [rows, classes] = a.shape;
  let total = 0;
  const data = [];
  for (let i = 0; i < rows; i++) {
    const row = a.data.slice(i * classes, (i + 1) * classes);
    const best = row.indexOf(Math.max(...row));
    const rest = row.reduce((sum, value, k) => sum + (k === best ? 0 : Math.exp(value - row[best])), 0);
    total += Math.log1p(rest) - (row[labels.data[i]] - row[best]);
    data.push(...softmaxRow(row).map((p, k) => (p - (k === labels.data[i] ? 1 : 0)) / rows));
  }
  return { loss: total / rows, d_a: array(a.shape, data) };
}

function corrupt(inputs, { corruption, sigma }) {
  const { x, mask, coin, noise } = inputs;
  const processes = {
    none: () => x,
    masking: () => map((value, destroyed) => (destroyed ? 0 : value), x, mask),
    salt_and_pepper: () => map((value, destroyed, heads) => (destroyed ? Number(heads) : value), x, mask, coin),
    gaussian: () => map((value, n) => value + sigma * n, x, noise),
  };
  return choose(processes, corruption)();
}

// A denoising autoencoder, forwards and backwards. W is (visible, hidden), batches are rows.
function autoencoder(inputs, conventions) {
  const { x, W, b, b_prime } = inputs;
  const { tied, output, l2 } = conventions;
  const W_prime = tied ? transpose(W) : inputs.W_prime;
  const x_tilde = corrupt(inputs, conventions);

  const a_y = addRow(matmul(x_tilde, W), b);
  const y = map(sigmoid, a_y);
  const a_z = addRow(matmul(y, W_prime), b_prime);
  const z = output === "linear" ? a_z : map(sigmoid, a_z);

  const fromLogits = conventions.loss === "cross_entropy";
  const found = loss({ a: fromLogits ? a_z : z, target: x }, conventions);
  const throughSigmoid = !fromLogits && output === "sigmoid";
  const da_z = throughSigmoid ? map((d, value) => d * value * (1 - value), found.d_a, z) : found.d_a;

  const dW_decoder = matmul(transpose(da_z), y); // (visible, hidden) like W
  const dy = matmul(da_z, transpose(W_prime));
  const da_y = map((d, value) => d * value * (1 - value), dy, y);
  const dW_encoder = matmul(transpose(x_tilde), da_y);

  const add = (w, ...parts) => parts.reduce((total, part) => total + part, 2 * l2 * w);
  const decay = (weights, ...parts) => map(add, weights, ...parts); // the penalty's gradient, and the others
  const squares = (weights) => sum(map((w) => w * w, weights));
  const penalty = l2 * (squares(W) + (tied ? 0 : squares(W_prime)));
  return {
    ...{ x_tilde, a_y, y, a_z, z, data_loss: found.loss, penalty, loss: found.loss + penalty },
    ...{ da_z, dy, da_y, dW_encoder, dW_penalty: decay(W), db: sumRows(da_y), db_prime: sumRows(da_z) },
    dx_tilde: matmul(da_y, transpose(W)),
    ...(tied
      ? { dW_decoder, dW: decay(W, dW_encoder, dW_decoder) }
      : { dW: decay(W, dW_encoder), dW_prime: decay(W_prime, transpose(dW_decoder)) }),
  };
}

// Stochastic gradient descent with momentum, ten steps or how many there are.
function optimizer({ W, b, dW, db, lr }, conventions) {
  if (conventions.rule !== "sgd") throw new Unsupported(`there is no ${conventions.rule} here, only sgd`);
  const steps = (value, gradients, decays) => {
    const { momentum, dampening, nesterov, momentum_lr, weight_decay, decay } = conventions;
    const count = value.data.length;
    let velocity = new Array(count).fill(0);
    let now = value.data;
    const after = [];
    lr.data.forEach((rate, t) => {
      const [inner, outer] = momentum_lr === "inside" ? [rate, 1] : [1, rate];
      const coefficient = decays ? weight_decay : 0;
      const l2 = decay === "gradient" ? coefficient : 0;
      const step = now.map((w, i) => inner * (gradients.data[t * count + i] + l2 * w));
      const rest = decay === "decoupled" ? 1 - rate * coefficient : 1;
      velocity = velocity.map((u, i) => momentum * u + (t === 0 ? 1 : 1 - dampening) * step[i]);
      now = now.map((w, i) => rest * w - outer * (nesterov ? step[i] + momentum * velocity[i] : velocity[i]));
      after.push(...now);
    });
    return array([lr.data.length, ...value.shape], after);
  };
  return { W_steps: steps(W, dW, true), b_steps: steps(b, db, conventions.decayed === "all") };
}

const corruption = (inputs, conventions) => ({ x_tilde: corrupt(inputs, conventions) });

export const OPERATIONS = { activation, loss, corruption, autoencoder, optimizer };

export function choose(table, name) {
  if (!Object.hasOwn(table, name)) throw new Unsupported(`there is no ${name} here`);
  return table[name];
}
