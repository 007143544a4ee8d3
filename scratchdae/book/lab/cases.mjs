// The mathematics held to scratchdae's frozen cases: what the page runs when it opens, and Node in the tests.

import { ACTIVATIONS, backward, CORRUPTIONS, forward, LOSSES, lossOf, room, step, transposed } from "./dae.mjs";

// An answer for each operation, from inputs (name: {shape, data}) and conventions. What is not done here is left out.
export const ANSWERS = {
  activation({ a, d_output }, { function: name, slope }) {
    if (name === "softmax") return null;
    const known = { ...ACTIVATIONS, identity: ACTIVATIONS.linear };
    known.leaky_relu = [(v) => (v > 0 ? v : slope * v), (v) => (v > 0 ? 1 : slope)];
    const [f, derivative] = known[name];
    return { value: a.data.map(f), d_input: a.data.map((v, n) => d_output.data[n] * derivative(v)) };
  },

  loss({ a, target }, { loss, reduction }) {
    if (!(loss in LOSSES)) return null;
    const r = room(a.shape[0], a.data.length / a.shape[0], 1, Float64Array);
    (loss === "cross_entropy" ? r.a_z : r.z).set(a.data);
    const value = lossOf(target.data, r, { loss, output: "linear", reduction });
    return { loss: value, d_a: r.da_z };
  },

  corruption: (inputs, conventions) => ({ x_tilde: corrupt(inputs, conventions) }),

  autoencoder(inputs, conventions) {
    const { tied, l2 } = conventions;
    const [B, D, H, x] = [inputs.x.shape[0], inputs.x.shape[1], inputs.b.shape[0], inputs.x.data];
    const params = { W: inputs.W.data, b: inputs.b.data, b_prime: inputs.b_prime.data };
    const decoder = tied ? params.W : transposed(inputs.W_prime.data, H, D);
    const x_tilde = corrupt(inputs, conventions);
    const r = room(B, D, H, Float64Array);
    forward(params, x_tilde, r, conventions, decoder);
    const dataLoss = lossOf(x, r, conventions);
    backward(params, x_tilde, x, r, {}, decoder);
    const squares = (weights) => weights.reduce((sum, w) => sum + w * w, 0);
    const penalty = l2 * (squares(params.W) + (tied ? 0 : squares(decoder)));
    const { a_y, y, a_z, z, da_z, dy, da_y, db, db_prime, dW_encoder, dW_decoder } = r;
    const dW_penalty = params.W.map((w) => 2 * l2 * w);
    const dx_tilde = Float64Array.from(x, (_, n) => {
      const [i, k] = [Math.floor(n / D), n % D];
      let sum = 0;
      for (let j = 0; j < H; j++) sum += da_y[i * H + j] * params.W[k * H + j]; // (13)
      return sum;
    });
    const answer = { x_tilde, a_y, y, a_z, z, data_loss: dataLoss, penalty, loss: dataLoss + penalty, da_z, dy, da_y };
    const dW = dW_encoder.map((value, n) => value + (tied ? dW_decoder[n] : 0) + dW_penalty[n]);
    Object.assign(answer, { dW_encoder, dW_penalty, db, db_prime, dx_tilde, dW });
    if (tied) return { ...answer, dW_decoder };
    const dW_prime = dW_decoder.map((value, n) => value + 2 * l2 * decoder[n]);
    return { ...answer, dW_prime: transposed(dW_prime, D, H) };
  },

  training(inputs, conventions) {
    const [steps, B, D] = inputs.x.shape;
    if (conventions.l2 !== 0 || conventions.optimizer !== "sgd" || !conventions.tied) return null;
    const params = { W: inputs.W.data.slice(), b: inputs.b.data.slice(), b_prime: inputs.b_prime.data.slice() };
    const r = room(B, D, inputs.b.shape[0], Float64Array);
    const answer = { losses: new Float64Array(steps) };
    for (let t = 0; t < steps; t++) {
      const part = (one) => one.data.slice(t * B * D, (t + 1) * B * D);
      const x = part(inputs.x);
      const x_tilde = CORRUPTIONS[conventions.corruption](x, { mask: part(inputs.mask) });
      answer.losses[t] = step(params, x_tilde, x, r, conventions.lr, conventions);
      for (const [name, value] of Object.entries(params)) answer[`${name}_after_${t + 1}`] = value.slice();
    }
    return answer;
  },
};

function corrupt(inputs, conventions) {
  const drawn = Object.fromEntries(["mask", "coin", "noise"].map((name) => [name, inputs[name]?.data]));
  return CORRUPTIONS[conventions.corruption](inputs.x.data, { ...drawn, sigma: conventions.sigma });
}

// Compare every case that is answered with what it expects; the largest error is a share of the array's largest entry.
export function compareAll(cases) {
  const found = { agreed: 0, of: 0, largest: 0, differ: [] };
  for (const { id, operation, conventions, inputs, expected, relative } of cases) {
    const answer = ANSWERS[operation]?.(inputs, conventions);
    if (!answer) continue;
    found.of++;
    let worst = 0;
    for (const [name, { data }] of Object.entries(expected)) {
      const mine = typeof answer[name] === "number" ? [answer[name]] : answer[name];
      const scale = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (let n = 0; n < data.length; n++) {
        const apart = Object.is(mine[n], data[n]) || mine[n] === data[n] ? 0 : Math.abs(mine[n] - data[n]) / (scale || 1);
        worst = Math.max(worst, Number.isNaN(apart) ? Infinity : apart);
      }
    }
    found.largest = Math.max(found.largest, worst);
    if (worst <= relative) found.agreed++;
    else found.differ.push(id);
  }
  return found;
}
