// Chapter 22: what becomes of a signal on its way through layers at their first weights.

import { drawn, expectedSizes, signal } from "../closed.mjs";
import { choice, plot, presets, short, show, slider } from "../drawing.mjs";

const DEPTH = 10;
const sample = drawn({ seed: 22, n: 64, examples: 16, depth: DEPTH });

choice("kind", "units", { relu: "rectifier (ReLU)", tanh: "tanh", sigmoid: "sigmoid" });
slider("scale", "standard deviation of a weight, times √n", { from: 0.1, to: 10, log: true, at: 1 });
presets([
  ["He: √2", { scale: Math.SQRT2 }],
  ["Glorot: 1", { scale: 1 }],
  ["uniform on ±1/√n: 0.577", { scale: 1 / Math.sqrt(3) }],
  ["too large: 4", { scale: 4 }],
]);

show(({ kind, scale }) => {
  const rows = signal(kind, scale, sample);
  const expected = expectedSizes(kind, scale, DEPTH);
  const y = { from: 1e-6, to: 1e6, log: true, words: "size of a layer's output", ticks: [[1e-6, "10⁻⁶"], [1e-4, "10⁻⁴"], [1e-2, "0.01"], [1, "1"], [100, "100"], [1e4, "10⁴"], [1e6, "10⁶"]] };
  const x = { from: -0.6, to: DEPTH + 0.6, words: "layer (0: the input)", ticks: rows.map((_, l) => [l, l]) };
  const bars = plot("one", "The signal by layer", x, y, 300);
  rows.forEach(({ size, spread }, l) => {
    bars.bar(l - 0.36, l, 1e-6, Math.max(1e-6, size), "solid");
    bars.bar(l, l + 0.36, 1e-6, Math.max(1e-6, spread), "hatched");
    bars.line([[l - 0.42, expected[l]], [l + 0.06, expected[l]]], "mark");
  });
  bars.word(DEPTH + 0.5, 3e5, "solid: root mean square (black: computed)", { anchor: "end", dy: 4, tone: "blue" });
  bars.word(DEPTH + 0.5, 2e4, "hatched: how much it differs between inputs", { anchor: "end", tone: "orange" });
  bars.done();
  const last = rows.at(-1);
  const factor = (expected[DEPTH] / expected[DEPTH - 1]) ** 2;
  const lost = last.spread / last.size;
  const verdict =
    last.size > 30 ? "It explodes: the first loss will be huge." : last.size < 0.03 ? "It vanishes: the output is its bias, whatever the input."
    : lost < 0.05 ? "The size stays, and yet all inputs look alike: the network answers with the mean."
    : kind === "tanh" && last.size > 0.9 ? "The units are saturated: the gradient vanishes." : "Inputs can still be told apart.";
  return `After ${DEPTH} layers of 64 units the root mean square is ${short(last.size)}, computed ${short(expected[DEPTH])} (second moment: times ${short(factor)} in the last layer); inputs differ by ${short(last.spread)}. ${verdict}`;
});
