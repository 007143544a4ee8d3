// node lab_run.mjs WHAT < JSON: the laboratory's modules without a page.
import { readFileSync } from "node:fs";
import { compareAll } from "../../scratchdae/book/lab/cases.mjs";
import { FAILURES, recognise, repairedOf, settingsOf } from "../../scratchdae/book/lab/failures.mjs";
import { Trainer } from "../../scratchdae/book/lab/trainer.mjs";

const whole = { Infinity, "-Infinity": -Infinity, NaN };
const arrays = (_, value) =>
  Array.isArray(value?.data) ? { shape: value.shape, data: Float64Array.from(value.data, (one) => whole[one] ?? one) } : value;
const given = JSON.parse(readFileSync(0, "utf8"), arrays);
const pictures = given.pictures && {
  train: Uint8Array.from(Buffer.from(given.pictures.train, "base64")),
  test: Uint8Array.from(Buffer.from(given.pictures.test, "base64")),
};

const run = (settings, steps) => {
  const trainer = new Trainer(pictures, settings);
  const losses = [];
  for (let t = 0; t < steps; t++) losses.push(trainer.step());
  return { trainer, losses };
};

const does = {
  cases: () => compareAll(given.cases),
  losses: () => run(given.settings, given.steps).losses,
  failure() {
    const failure = FAILURES.find((one) => one.id === given.id);
    return [settingsOf, repairedOf].map((settings) => {
      const { trainer } = run(settings(failure, { seed: given.seed }), failure.steps);
      const measured = trainer.measure();
      return { ...recognise(failure, trainer, measured), share: measured.share };
    });
  },
  names: () => FAILURES.map(({ id, chapter }) => [id, chapter]),
};
console.log(JSON.stringify(does[process.argv[2]]()));
