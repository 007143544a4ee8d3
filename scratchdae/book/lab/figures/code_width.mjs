// Chapter 07: what a linear code of so many numbers leaves of the digits.

import { filtered, linearCodes } from "../closed.mjs";
import { data, numbers, pictures, plot, presets, short, show, slider, unpacked } from "../drawing.mjs";

const { spectrum, mean, side } = data;
const D = spectrum.length;
const directions = { mean, vectors: numbers(data.vectors, Int16Array) };
const clean = unpacked(data.digits, D);
const left = linearCodes(spectrum);
const restored = (x, k) => filtered(x, directions, (i) => (i < k ? 1 : 0)); // from its first k coordinates
const enough = (share) => left.findIndex((value) => value <= share * left[0]);

slider("k", "numbers in the code", { from: 0, to: D, step: 1, at: 8 });
presets([["none", { k: 0 }], ["2", { k: 2 }], ["5 % left", { k: enough(0.05) }], ["all", { k: D }]]);

show(({ k }) => {
  const y = { from: 0, to: 1, words: "share of the variance left", ticks: [0, 0.25, 0.5, 0.75, 1].map((v) => [v, `${100 * v} %`]) };
  const floor = plot("one", "What a linear code leaves", { from: 0, to: D, words: "numbers in the code", ticks: [0, 50, 100, 150, D].map((v) => [v, v]) }, y);
  floor.line(left.map((value, i) => [i, value / left[0]]), "good");
  floor.word(45, 0.5, "no linear network of this width", { dy: 0 });
  floor.word(45, 0.5, "comes below the line", { dy: 17 });
  floor.at(k);
  floor.dot(k, left[k] / left[0]);
  floor.done();
  pictures("two", "Digits, and what comes back", [
    { words: "digits", items: clean },
    { words: `from ${k} number${k === 1 ? "" : "s"}`, items: clean.map((x) => restored(x, k)) },
    { words: "what was lost (grey: nothing)", items: clean.map((x) => restored(x, k).map((z, n) => 0.5 + (x[n] - z) / 2)) },
  ], side);
  return `A linear code of ${k} leaves ${short(left[k])} per pixel, ${short((100 * left[k]) / left[0])} % of the variance ${short(left[0])}. Half of it is gone from ${enough(0.5)} numbers on, 95 % from ${enough(0.05)}, of ${D}.`;
});
