// Chapter 06: what the best linear denoiser leaves, by noise.

import { filtered, wiener } from "../closed.mjs";
import { keyOf, normals } from "../draws.mjs";
import { data, numbers, pictures, plot, presets, short, show, slider, unpacked } from "../drawing.mjs";

const { spectrum, mean, side } = data;
const D = spectrum.length;
const directions = { mean, vectors: numbers(data.vectors, Int16Array) };
const clean = unpacked(data.digits, D);
const noise = clean.map((_, i) => normals(keyOf(6, 2, i), D));
const variance = spectrum.reduce((sum, value) => sum + value, 0) / D;
const LEVELS = Array.from({ length: 101 }, (_, i) => i / 50);

const denoised = (x, s) => filtered(x, directions, (i) => (spectrum[i] > 0 ? spectrum[i] / (spectrum[i] + s * s) : 0));

slider("s", "standard deviation of the noise", { from: 0, to: 2, step: 0.02, at: 0.5 });
presets([["none", { s: 0 }], ["0.2", { s: 0.2 }], ["0.5", { s: 0.5 }], ["2", { s: 2 }]]);

show(({ s }) => {
  const top = 1.15 * variance;
  const y = { from: 0, to: top, words: "squared error per pixel", ticks: [0, 0.02, 0.04, 0.06, 0.08, 0.1].filter((v) => v < top).map((v) => [v, v]) };
  const curves = plot("one", "Error by noise", { from: 0, to: 2, words: "standard deviation of the noise", ticks: [0, 0.5, 1, 1.5, 2].map((v) => [v, v]) }, y);
  curves.level(variance, "the mean picture, whatever comes in");
  curves.line(LEVELS.filter((one) => one ** 2 <= top).map((one) => [one, one ** 2]), "bad");
  curves.line(LEVELS.map((one) => [one, wiener(spectrum, one)]), "good");
  curves.word(0.27, 0.2 * variance, "copying (dashes)", { tone: "orange" });
  curves.word(1.95, 0.62 * variance, "best linear denoiser", { anchor: "end", tone: "blue" });
  curves.at(s);
  curves.dot(s, wiener(spectrum, s));
  curves.done();
  const noisy = clean.map((x, i) => x.map((value, n) => value + s * noise[i][n]));
  pictures("two", "Digits, with noise, and restored", [
    { words: "digits", items: clean },
    { words: `with noise of ${short(s)}`, items: noisy },
    { words: "best linear denoiser", items: noisy.map((x) => denoised(x, s)) },
  ], side);
  const trusted = spectrum.filter((value) => value > s * s).length;
  const floor = wiener(spectrum, s);
  return `Noise of ${short(s)}: copying errs by ${short(s * s)} per pixel, the best linear denoiser by ${short(floor)}, ${short((100 * floor) / variance)} % of what the mean picture leaves (${short(variance)}). It keeps more than half of ${trusted} of ${D} directions, those of variance above ${short(s * s)}.`;
});
