// node figures_run.mjs < JSON [[function, arguments …], …]: what stands behind the small figures and the best linear denoiser.
import { readFileSync } from "node:fs";
import * as closed from "../../scratchdae/book/lab/closed.mjs";
import * as linear from "../../scratchdae/book/lab/linear.mjs";
import { Trainer } from "../../scratchdae/book/lab/trainer.mjs";

const known = {
  ...closed,
  ...linear,
  why: (settings, steps) => {
    const pictures = { train: new Uint8Array(784 * 20).map((_, n) => n % 251), test: new Uint8Array(784 * 200) };
    const trainer = new Trainer(pictures, settings);
    for (let t = 0; t < steps; t++) trainer.step();
    return trainer.nan;
  },
};
const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value === Infinity ? "inf" : value);
const answers = JSON.parse(readFileSync(0, "utf8")).map(([name, ...given]) => known[name](...given));
console.log(JSON.stringify(answers, plain));
