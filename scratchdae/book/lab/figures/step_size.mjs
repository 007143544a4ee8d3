// Chapter 17: gradient descent on the linear denoiser, the loss by step and what each direction is multiplied by.

import { descent } from "../closed.mjs";
import { data, plot, presets, short, show, slider } from "../drawing.mjs";

const { spectrum, sigma } = data;
const STEPS = 100;
const limit = 1 / (spectrum[0] + sigma ** 2); // 2 / h of the steepest direction

slider("share", "learning rate, in shares of 2 / hₘₐₓ", { from: 0.01, to: 1.1, step: 0.01, at: 0.98 });
presets([
  ["too low", { share: 0.01 }],
  ["half of the limit", { share: 0.5 }],
  ["just below", { share: 0.98 }],
  ["just above", { share: 1.05 }],
]);

show(({ share }) => {
  const lr = share * limit;
  const { h, excess } = descent(spectrum, sigma, lr, STEPS);
  const grows = share > 1;
  const high = { from: 1e-4, to: 1e8, log: true, words: "excess over the floor, in floors", ticks: [[1e-4, "10⁻⁴"], [1e-2, "0.01"], [1, "1"], [100, "100"], [1e4, "10⁴"], [1e6, "10⁶"], [1e8, "10⁸"]] };
  const loss = plot("one", "The loss by step", { from: 0, to: STEPS, words: "step", ticks: [0, 25, 50, 75, 100].map((t) => [t, t]) }, high);
  loss.level(excess[0], "where it began: nothing learned");
  loss.line(excess.map((value, t) => [t, value]), grows ? "bad" : "good");
  loss.done();
  const from = 1.8 * sigma ** 2;
  const curvature = { from, to: 3 * h[0], log: true, words: "curvature h of a direction", ticks: [0.1, 1, 10].filter((v) => v > from && v < 3 * h[0]).map((v) => [v, v]) };
  const each = plot("two", "What a step multiplies each direction's error by", curvature, { from: -1.3, to: 1.2, words: "1 − rate × h", ticks: [-1, 0, 1].map((v) => [v, String(v).replace("-", "−")]) });
  each.level(1, "1: stands still");
  each.level(-1, "−1: below, it grows", true);
  for (const one of h) each.mark(one, 1 - lr * one, Math.abs(1 - lr * one) > 1);
  each.done();
  const over = h.filter((one) => lr * one > 2).length;
  const slow = h.filter((one) => (1 - lr * one) ** (2 * STEPS) > 0.1 && lr * one < 1).length;
  const where = `Rate ${short(lr)}, ${short(share)} of 2 / hₘₐₓ = ${short(limit)}: after ${STEPS} steps the loss is ${short(excess[STEPS])} floors above its floor (it began at ${short(excess[0])}).`;
  const why = over
    ? ` ${over === 1 ? "One direction" : `${over} directions`} of ${h.length} (✕): its error is multiplied by ${short(1 - lr * h[0])} a step, and grows.`
    : slow
      ? ` No direction grows, but ${slow} of ${h.length} have lost less than nine tenths of their excess.`
      : ` No direction grows, and each has lost nine tenths of its excess or more.`;
  return where + why.replace("-", "−");
});
