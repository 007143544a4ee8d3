// The training, off the page's own thread: it steps in short runs between messages, and says how it is.

import { FAILURES, recognise, repairedOf, settingsOf } from "./failures.mjs";
import { bestLinear, errorOf } from "./linear.mjs";
import { columnOf, Trainer } from "./trainer.mjs";

const [RUN_MS, SAY_MS, MEASURE_MS] = [25, 90, 700];
const SHOWN = 8; // pictures
const FILTERS = 48;

export function serve(scope) {
  let [trainer, pictures, failure, running, runs, mine] = [null, null, null, false, 0, 0];
  let [said, measured, losses, steps, since] = [0, 0, [], 0, 0];
  let [quiet, unmeasured] = [SAY_MS, MEASURE_MS]; // no less than so long: longer where it takes long, most time is the training's

  const begin = (settings, turn) => {
    mine = turn;
    trainer = new Trainer(pictures, settings);
    [said, measured, losses, steps, since] = [0, 0, [], 0, performance.now()];
    say(true);
  };

  const say = (now) => {
    const time = performance.now();
    if (!now && time - said < quiet) return;
    const { D, settings, params, test, fed } = trainer;
    const message = { kind: "state", turn: mine, step: trainer.steps, losses, running, settings, nan: trainer.nan };
    if (time > since) message.rate = (1000 * steps * settings.batch) / (time - since);
    if (now || time - measured > unmeasured) {
      message.measured = trainer.measure();
      message.recognised = failure && trainer.steps ? recognise(failure, trainer, message.measured) : null;
      measured = performance.now();
      unmeasured = Math.max(MEASURE_MS, 4 * (measured - time));
      [steps, since] = [0, time];
    }
    const pictured = performance.now();
    const rows = Array.from({ length: SHOWN }, (_, i) => [i * D, (i + 1) * D]);
    message.pictures = rows.map(([from, to]) => ({
      clean: test.slice(from, to), fed: fed.slice(from, to), z: trainer.answer(fed.subarray(from, to)).z,
    }));
    const many = Math.min(FILTERS, settings.hidden);
    message.filters = Array.from({ length: many }, (_, j) => columnOf(params.W, settings.hidden, j));
    losses = [];
    scope.postMessage(message);
    said = performance.now();
    quiet = Math.max(SAY_MS, 3 * (said - pictured));
  };

  const go = (run) => {
    if (!running || run !== runs) return;
    const until = performance.now() + RUN_MS;
    do {
      losses.push(trainer.step());
      steps++;
    } while (performance.now() < until);
    say(false);
    setTimeout(go, 0, run);
  };

  const asked = {
    data: (message) => (pictures = message.pictures),
    start: ({ settings, broken, turn }) => {
      failure = FAILURES.find((one) => one.id === broken) ?? null;
      begin(failure === null ? settings : settingsOf(failure, settings), turn);
    },
    repair: ({ settings, broken, turn }) => {
      failure = FAILURES.find((one) => one.id === broken);
      begin(repairedOf(failure, settings), turn);
    },
    run: () => {
      if (running) return;
      [running, steps, since] = [true, 0, performance.now()];
      go(++runs);
    },
    pause: () => {
      running = false;
      say(true);
    },
    one: () => {
      running = false;
      losses.push(trainer.step());
      say(true);
    },
    check: ({ weight }) => scope.postMessage({ kind: "check", ...trainer.gradientCheck(16, weight) }),
    answer: ({ fed, times }) => {
      let [x, y] = [fed, null];
      const walk = [fed];
      for (let t = 0; t < times; t++) {
        ({ z: x, y } = trainer.answer(x));
        walk.push(x);
      }
      const { W } = trainer.params;
      const H = trainer.settings.hidden;
      const most = [...y.keys()].sort((a, b) => y[b] - y[a]).slice(0, 8);
      const units = most.map((j) => ({ unit: j, y: y[j], filter: columnOf(W, H, j) }));
      scope.postMessage({ kind: "answer", walk, units });
    },
  };
  scope.onmessage = ({ data }) => asked[data.kind](data);
}

// The best linear denoiser's error, in a worker of its own: it takes a second or two for pictures of 28×28.
export function serveLinear(scope) {
  let pictures = null;
  scope.onmessage = ({ data }) => {
    if (data.pictures) pictures = data.pictures;
    if (!data.settings) return;
    const { x, test, fed, D, settings } = new Trainer(pictures, data.settings);
    scope.postMessage({ turn: data.turn, error: errorOf(bestLinear(x, D, settings), fed, test, D) });
  };
}
