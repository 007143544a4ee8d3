// The failures that this network can show, a row each: what is broken, what one sees, by which number it is known.
//
// `broken` is laid over the reader's settings, or over those in `on`, on which the failure shows best. `number` is taken
// of a Trainer's `measure()` (or of `check()`, the gradient check), and `is` says where it gives the failure away,
// after `steps` steps. Repaired is the same without `broken`.

const much = (value) => (value >= 1e4 || (value < 1e-3 && value > 0) ? value.toExponential(1) : value.toPrecision(3));

export const FAILURES = [
  {
    id: "no_decoder", title: "One term of the tied gradient is missing", chapter: "01_autoencoder",
    broken: { fault: "no_decoder" }, steps: 200,
    sees: "The loss falls, and ends too high. Nothing on the screen says why.",
    number: "gradient check", of: (m, check) => check().error, is: (e) => e > 1e-3,
    says: (e) => `analytic and numeric gradient differ by ${much(e)} of the largest entry`,
    cause: "W occurs twice in the loss, so its gradient has two terms; the decoder's was left out.",
  },
  {
    id: "clean_input", title: "The encoder's gradient takes x for x̃", chapter: "01_autoencoder",
    broken: { fault: "clean_input" }, on: { nu: 0.5 }, steps: 200,
    sees: "It learns quickly at first and then stays behind.",
    number: "gradient check", of: (m, check) => check().error, is: (e) => e > 1e-3,
    says: (e) => `analytic and numeric gradient differ by ${much(e)} of the largest entry`,
    cause: "What the encoder saw was the destroyed input; multiplying by the clean one trains weights of dead pixels.",
  },
  {
    id: "not_zeroed", title: "Gradients are not zeroed", chapter: "21_zero_grad",
    broken: { keep: true }, on: { lr: 0.02 }, steps: 200,
    sees: "The loss swings up and down, or explodes, at a rate that should be fine.",
    number: "applied over fresh gradient", of: (m) => m.applied, is: (r) => !(r < 2),
    says: (r) => `what is applied is ${much(r)} times the fresh gradient; it should be 1`,
    cause: "Each step adds its gradient to all those before: heavy ball without friction.",
  },
  {
    id: "rate_low", title: "The learning rate is too low", chapter: "17_step_size",
    broken: { lr: 1e-5 }, steps: 300,
    sees: "The loss hardly moves. It has not learned even the mean picture.",
    number: "a step, in shares of W", of: (m) => m.moved, is: (r) => r < 1e-5,
    says: (r) => `a step moves W by ${much(r)} of its size; a thousandth is usual`,
    cause: "In T steps no weight goes further than the rate times its gradients' sum.",
  },
  {
    id: "rate_high", title: "The learning rate is too high", chapter: "17_step_size",
    broken: { lr: 30 }, steps: 100,
    sees: "The loss jumps above the best constant's and stays there, or grows.",
    number: "loss over the constant's", of: (m) => m.share, is: (r) => !(r < 1),
    says: (r) => `the loss is ${much(r)} times that of the best constant`,
    cause: "Gradient descent is stable only below 2 over the largest curvature.",
  },
  {
    id: "rate_noisy", title: "The learning rate is too high for the noise", chapter: "17_step_size",
    broken: { lr: 0.3, batch: 1 }, on: { batch: 5 }, steps: 2000,
    sees: "A quick drop, and then a plateau that trembles.",
    number: "loss after 300 steps a tenth as long, over the loss now", of: (m, check, t) => calmed(m, t),
    is: (r) => r < 0.97, says: (r) => `300 steps a tenth as long bring the loss to ${much(r)} of what it is`,
    cause: "The noise of a gradient of few examples keeps it at a height that goes with the rate over the batch.",
  },
  {
    id: "weights_small", title: "First weights are much too small", chapter: "22_initial_weights",
    broken: { scale: 1e-4 }, steps: 100,
    sees: "Every input gets the same answer, the mean picture.",
    number: "spread of the answers", of: (m) => m.spread, is: (r) => r < 0.1,
    says: (r) => `answers differ by ${much(r)} of what the pictures differ by`,
    cause: "No input reaches the code, and all hidden units are alike: the same gradient for each.",
  },
  {
    id: "weights_large", title: "First weights are much too large", chapter: "22_initial_weights",
    broken: { scale: 100 }, steps: 100,
    sees: "The first loss is far above the constant's, and it takes long to come down.",
    number: "saturated hidden units", of: (m) => m.hiddenSaturated, is: (r) => r > 0.8,
    says: (r) => `${Math.round(100 * r)} % of the codes' entries are below 0.01 or above 0.99`,
    cause: "Where a sigmoid is flat no gradient passes.",
  },
  {
    id: "equal", title: "All hidden units begin alike", chapter: "22_initial_weights",
    broken: { equal: true }, steps: 300,
    sees: "A hundred filters, and all of them the same.",
    number: "different filters", of: (m) => m.different, is: (n) => n === 1,
    says: (n) => `${n} different filter${n === 1 ? "" : "s"}`,
    cause: "Equal units get equal gradients, for ever.",
  },
  {
    id: "saturated", title: "The output is saturated", chapter: "13_saturated_output",
    broken: { bias: -20 }, on: { loss: "squared_error" }, steps: 300,
    sees: "All black. The loss does not move at all.",
    number: "saturated outputs", of: (m) => m.saturated, is: (r) => r > 0.99,
    says: (r) => `${Math.round(100 * r)} % of the outputs are below 0.01 or above 0.99`,
    cause: "The squared error through a sigmoid has the factor z (1 − z), which is 0 here; cross-entropy has not.",
  },
  {
    id: "out_of_range", title: "Targets that the output cannot reach", chapter: "12_output_range",
    broken: { data: "signed" }, on: { loss: "squared_error", noise: "none", lr: 0.02 }, steps: 600,
    sees: "The loss stops high above zero, whatever one does; the background is grey, not black.",
    number: "share of the loss that no output can avoid", of: (m) => m.range / m.loss, is: (r) => r > 0.5,
    says: (r) => `${Math.round(100 * r)} % of the loss is out of a sigmoid's reach`,
    cause: "Pixels from −1 to 1 under a sigmoid, which goes from 0 to 1.",
  },
  {
    id: "unscaled", title: "Data from 0 to 255", chapter: "11_scaling",
    broken: { data: "levels" }, on: { loss: "squared_error", noise: "none", lr: 0.02 }, steps: 100,
    sees: "A loss of millions that stands still; white where anything was.",
    number: "share of the loss that no output can avoid", of: (m) => m.range / m.loss, is: (r) => r > 0.5,
    says: (r) => `${Math.round(100 * r)} % of the loss is out of a sigmoid's reach`,
    cause: "Grey levels have not been divided by 255.",
  },
  {
    id: "noise_strong", title: "The noise is too strong", chapter: "06_noise_level",
    broken: { nu: 0.97 }, steps: 800,
    sees: "Blurred averages, whatever was drawn.",
    number: "loss over the constant's", of: (m) => m.share, is: (r) => r > 0.95,
    says: (r) => `the loss is ${much(r)} times that of the best constant`,
    cause: "Too little is left of a picture to tell it from others: the mean is the best answer.",
  },
  {
    id: "no_noise", title: "No noise, and room to copy", chapter: "02_denoising",
    broken: { noise: "none" }, on: { hidden: 256, nu: 0.5 }, steps: 800,
    sees: "Sharp pictures, and a low loss. It leaves what you destroy destroyed.",
    number: "error on destroyed pixels over the mean picture's", of: (m) => m.guessed, is: (r) => r > 1,
    says: (r) => `on destroyed pixels it errs ${much(r)} times as much as the mean picture`,
    cause: "With more units than pixels the copy is the best answer to what it is asked.",
  },
  {
    id: "linear", title: "No nonlinearity", chapter: "14_no_nonlinearity",
    broken: { units: "linear" }, on: { output: "linear", loss: "squared_error", scale: 0.3, lr: 0.003, hidden: 30 }, steps: 800,
    sees: "It trains well, and stops where the best linear denoiser is.",
    number: "answer to a sum less the sum of the answers", of: (m, check, t) => additive(t), is: (r) => r < 1e-3,
    says: (r) => `two pictures added get the answers added, but for ${much(r)}: the map is affine`,
    cause: "A chain of linear maps is one linear map.",
  },
  {
    id: "round_off", title: "Cross-entropy of probabilities", chapter: "16_round_off",
    broken: { naive: true }, on: { scale: 5, lr: 0.3 }, steps: 300,
    sees: "The loss is NaN, at once or after a while.",
    number: "first step that gives no number", of: (m) => (m.nan === null ? NaN : m.nan.step), is: (n) => n > 0,
    says: (n) => `since step ${n}: in float32 a sigmoid is exactly 1 from 16.64 on, and log(1 − 1) is −∞`,
    cause: "Computed of the pre-activation, the same loss never leaves the numbers.",
  },
  {
    id: "independent", title: "Data without anything in common", chapter: "05_incompressible",
    broken: { data: "independent" }, on: { nu: 0.5 }, steps: 800,
    sees: "On what was destroyed it never beats the mean picture.",
    number: "error on destroyed pixels over the mean picture's", of: (m) => m.guessed, is: (r) => r > 0.98,
    says: (r) => `on destroyed pixels it errs ${much(r)} times as much as the mean picture`,
    cause: "Each pixel is that of another digit: the others say nothing about it.",
  },
];

// What shorter steps make of the loss, in shares of it.
function calmed(measured, trainer) {
  const other = trainer.changed({ lr: trainer.settings.lr / 10 });
  for (let t = 0; t < 300; t++) other.step();
  return other.measure().loss / measured.loss;
}

// How far the answer to a + b, less that to 0, is from the two answers' sum, in shares of them.
function additive(trainer) {
  const { D, test } = trainer;
  const [a, b] = [0, 1].map((i) => test.subarray(i * D, (i + 1) * D));
  const answer = (x) => trainer.answer(x).z;
  const [both, one, other, none] = [a.map((value, k) => value + b[k]), a, b, a.map(() => 0)].map(answer);
  let [apart, size] = [0, 0];
  for (let k = 0; k < D; k++) {
    apart += (both[k] + none[k] - one[k] - other[k]) ** 2;
    size += (both[k] - none[k]) ** 2;
  }
  return Math.sqrt(apart / size);
}

export const settingsOf = (failure, settings = {}) => ({ ...settings, ...failure.on, ...failure.broken });
export const repairedOf = (failure, settings = {}) => ({ ...settings, ...failure.on });

// The number of a trainer, whether it gives the failure away, and the sentence.
export function recognise(failure, trainer, measured = trainer.measure()) {
  const value = failure.of(measured, () => trainer.gradientCheck(), trainer);
  return { value, shown: failure.is(value), sentence: failure.says(value) };
}
