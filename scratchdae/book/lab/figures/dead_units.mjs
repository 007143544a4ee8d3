// Chapter 25: how many rectifiers one step kills, by rate and by what is subtracted from the data.

import { deadAt, deadlyRates, rectifiers } from "../closed.mjs";
import { choice, data, plot, presets, short, show, slider, unpacked } from "../drawing.mjs";

const { side } = data;
const D = side * side;
const H = 64;
const [images] = unpacked(data.images, data.count * D);
const network = rectifiers(25, D, H);
const rates = {};

// The data, ink on white or on black, less a share of their mean picture; computed once each.
const ratesOf = (paper, centred) =>
  (rates[`${paper} ${centred}`] ??= (() => {
    const x = paper === "white" ? images.map((value) => 1 - value) : images;
    const mean = new Float64Array(D);
    for (let n = 0; n < x.length; n++) mean[n % D] += (x[n] * D) / x.length;
    return deadlyRates(x.map((value, n) => value - centred * mean[n % D]), network);
  })());

choice("paper", "pictures", { white: "ink on white (1 − x)", black: "ink on black (x)" });
slider("centred", "share of the mean picture that is subtracted", { from: 0, to: 1, step: 0.05, at: 0 });
slider("lr", "learning rate of the step", { from: 0.01, to: 1000, log: true, at: 3 });
presets([
  ["as they are", { centred: 0 }],
  ["centred", { centred: 1 }],
  ["a tenth of the rate", { lr: 0.3 }],
]);

const GRID = Array.from({ length: 121 }, (_, i) => 10 ** (-2 + i / 24));
const shares = (found) => GRID.map((lr) => [lr, deadAt(found, lr).filter(Boolean).length / H]);

show(({ paper, centred, lr }) => {
  const found = ratesOf(paper, centred);
  const dead = deadAt(found, lr);
  const x = { from: 0.01, to: 1000, log: true, words: "learning rate", ticks: [0.01, 0.1, 1, 10, 100, 1000].map((v) => [v, v]) };
  const curve = plot("one", "Dead units by learning rate", x, { from: 0, to: 1, words: "dead after one step", ticks: [0, 0.5, 1].map((v) => [v, `${100 * v} %`]) });
  curve.line(shares(ratesOf(paper, 0)), "bad");
  curve.line(shares(ratesOf(paper, 1)), "faint");
  curve.line(shares(found), "good");
  curve.at(lr);
  curve.dot(lr, dead.filter(Boolean).length / H);
  curve.word(0.013, 0.93, "dashes: nothing subtracted", { tone: "orange" });
  curve.word(0.013, 0.83, "dots: centred");
  curve.done();
  const cells = plot("two", "The units", { from: -0.7, to: 7.7, words: "64 rectifiers: ring alive, cross dead", ticks: [] }, { from: -0.7, to: 7.7, words: "", ticks: [] });
  dead.forEach((one, j) => cells.mark(j % 8, Math.floor(j / 8), one, 7));
  cells.done();
  const count = dead.filter(Boolean).length;
  const born = found.filter(([least]) => least === 0).length;
  const first = Math.min(...found.map(([least]) => (least > 0 ? least : Infinity)));
  return `One step at ${short(lr)} leaves ${count} of ${H} units dead: positive on none of the ${images.length / D} pictures, with a gradient of exactly 0 from then on. ${born ? `${born} were dead before it. ` : ""}The smallest rate that kills one is ${short(first)}.`;
});
