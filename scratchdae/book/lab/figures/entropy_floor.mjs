// Chapter 09: what a perfect reconstruction costs when targets follow a Beta distribution.

import { betaDensity, betaLosses, binaryEntropy } from "../closed.mjs";
import { plot, presets, short, show, slider } from "../drawing.mjs";

slider("a", "a, of Beta(a, b)", { from: 0.05, to: 20, log: true, at: 1 });
slider("b", "b, of Beta(a, b)", { from: 0.05, to: 20, log: true, at: 1 });
slider("loss", "your loss, nats per component", { from: 0, to: 0.8, step: 0.005, at: 0.56 });
presets([
  ["uniform", { a: 1, b: 1 }],
  ["nearly bits", { a: 0.05, b: 0.05 }],
  ["grey", { a: 20, b: 20 }],
  ["mostly dark", { a: 0.15, b: 0.8 }],
]);

const GRID = Array.from({ length: 199 }, (_, i) => (i + 1) / 200);

show(({ a, b, loss }) => {
  const { floor, constant } = betaLosses(a, b);
  const unit = { from: 0, to: 1, words: "target", ticks: [0, 0.5, 1].map((v) => [v, v]) };
  const left = plot("one", "How often each target occurs, and what it costs", unit, { from: 0, to: 3, words: "density; nats", ticks: [0, 1, 2, 3].map((v) => [v, v]) });
  left.line(GRID.map((x) => [x, betaDensity(x, a, b)]), "good");
  left.line(GRID.map((x) => [x, binaryEntropy(x)]), "bad");
  left.word(0.5, 0.79, "what it costs, at best (dashes)", { anchor: "middle", tone: "orange" });
  left.word(0.5, 2.75, "how often a target occurs", { anchor: "middle", tone: "blue" });
  left.done();
  const nats = { from: 0, to: 0.8, words: "nats per component", ticks: [0, 0.2, 0.4, 0.6, 0.8].map((v) => [v, v]) };
  const right = plot("two", "Floor and constant", { from: 0, to: 1, words: "no loss lies within the hatching", ticks: [] }, nats);
  right.bar(0.12, 0.88, 0, floor, "hatched");
  right.bar(0.12, 0.88, floor, constant, "plain");
  if (floor > 0.08) right.word(0.5, floor / 2, "entropy: no network removes it", { anchor: "middle", dy: 4 });
  if (constant - floor > 0.07) right.word(0.5, (floor + constant) / 2, "what can be learned", { anchor: "middle", dy: 4 });
  right.line([[0, loss], [1, loss]], "mark");
  right.word(0.99, loss, "yours", { anchor: "end", dy: -6 });
  right.done();
  const excess = (loss - floor) / (constant - floor);
  const verdict =
    loss < floor - 1e-9
      ? "Yours is below the floor: that cannot be. It is another loss, another scale, or a mistake."
      : excess > 1
        ? "Yours is above the constant's: nothing was learned."
        : `Of what can be learned, yours has ${short(100 * excess, 2)} % left.`;
  return `Beta(${short(a)}, ${short(b)}): a perfect reconstruction costs ${floor.toFixed(4)} nats per component, the best constant ${constant.toFixed(4)}. ${verdict}`;
});
