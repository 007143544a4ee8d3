// The page: controls, pictures and words. What is computed is computed by the worker.

import { compareAll } from "./cases.mjs";
import { corrupted, DEFAULTS } from "./trainer.mjs";
import { FAILURES } from "./failures.mjs";

const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const short = (value) => (Number.isFinite(value) ? Number(value.toPrecision(4)).toString() : "not a number");

// A row a control: name, words, and a range (from, to, as powers of ten if `log`) or a choice.
const CONTROLS = [
  ["hidden", "hidden units", { from: 4, to: 400, step: 1 }],
  ["noise", "noise", { choice: ["masking", "salt_and_pepper", "gaussian", "none"] }],
  ["nu", "fraction destroyed, or standard deviation", { from: 0, to: 0.98, step: 0.01 }],
  ["lr", "learning rate", { from: 1e-5, to: 30, log: true }],
  ["batch", "batch size", { from: 1, to: 100, step: 1 }],
  ["scale", "first weights, in shares of the usual", { from: 1e-4, to: 100, log: true }],
  ["units", "hidden units are", { choice: ["sigmoid", "linear"] }],
  ["output", "output", { choice: ["sigmoid", "linear"] }],
  ["loss", "loss", { choice: ["cross_entropy", "squared_error"] }],
  ["data", "data", { choice: ["digits", "signed", "levels", "independent"] }],
  ["side", "pixels of a side", { choice: [14, 28] }],
  ["seed", "seed", { from: 0, to: 99, step: 1 }],
];
const link = new URLSearchParams(location.hash.slice(1));
const settings = { ...DEFAULTS };
for (const [name, , kind] of CONTROLS) {
  for (const end of ["from", "to"]) {
    const limit = Number(link.get(`${name}.${end}`)); // the limits of a slider can be in the link
    if (link.has(`${name}.${end}`) && Number.isFinite(limit) && (limit > 0 || !kind.log)) kind[end] = limit;
  }
  if (!link.has(name)) continue;
  const value = kind.choice ? kind.choice.find((one) => String(one) === link.get(name)) : Number(link.get(name));
  if (value !== undefined && !Number.isNaN(value)) settings[name] = kind.choice ? value : within(value, kind);
}

function within(value, { from, to }) {
  return Math.min(to, Math.max(from, value));
}

let [broken, hidden, mended, running, last, turn] = ["", false, false, false, null, 0];
const curve = []; // [step, loss] of batches, thinned
const held = []; // [step, loss] of held-out digits

const workerOf = (call) => new Worker(URL.createObjectURL(new Blob([`${$("core").textContent}\n${call}(self);`], { type: "text/javascript" })));
const worker = workerOf("serve");
const linear = workerOf("serveLinear"); // a second or two of work, beside the training
const tell = (kind, more = {}) => worker.postMessage({ kind, ...more });

// ---- controls

function makeControls() {
  for (const [name, words, kind] of CONTROLS) {
    const label = document.createElement("label");
    label.append(words);
    let input;
    if (kind.choice) {
      input = document.createElement("select");
      for (const one of kind.choice) input.append(new Option(String(one).replaceAll("_", " "), one));
      input.value = settings[name];
      label.append(input);
    } else {
      input = document.createElement("input");
      const out = document.createElement("output");
      const to = kind.log ? Math.log10 : (value) => value;
      Object.assign(input, { type: "range", min: to(kind.from), max: to(kind.to), step: kind.log ? "any" : kind.step });
      input.value = to(settings[name]);
      out.textContent = short(settings[name]);
      label.append(out, input);
      input.addEventListener("input", () => (out.textContent = short(read(input, kind))));
    }
    input.id = label.htmlFor = `set-${name}`; // an output can be labelled too, and stands first
    input.addEventListener("change", () => {
      settings[name] = kind.choice ? kind.choice.find((one) => String(one) === input.value) : read(input, kind);
      if (name === "loss" && settings.loss === "cross_entropy" && settings.output === "linear") choose("output", "sigmoid");
      if (name === "output" && settings.output === "linear") choose("loss", "squared_error");
      start("");
    });
    $("settings").append(label);
  }
  for (const { id, title } of FAILURES) $("failure").append(new Option(title, id));
}

function read(input, kind) {
  const value = Number(input.value);
  return kind.log ? Number((10 ** value).toPrecision(3)) : value;
}

function choose(name, value) {
  settings[name] = value;
  $(`set-${name}`).value = value;
}

function start(failure, secret = false) {
  [broken, hidden, mended] = [failure, secret, false];
  fresh();
  tell("start", { settings, broken, turn });
  if (running) tell("run");
}

function fresh() {
  linear.error = null;
  turn++; // what the worker still says of the training before is not listened to
  curve.length = held.length = 0;
  $("repair").disabled = broken === "" || mended;
  $("told").classList.toggle("mended", mended);
  $("told").replaceChildren();
}

function toggle(on) {
  running = on;
  $("run").textContent = on ? "Pause" : "Run";
  $("run").setAttribute("aria-pressed", on);
  $("status").setAttribute("aria-live", on ? "off" : "polite"); // it changes ten times a second
  tell(on ? "run" : "pause");
}

// ---- what the worker says

worker.onmessage = ({ data }) => ({ state, check, answer })[data.kind](data);
worker.onerror = (event) => ($("status").textContent = `the worker stopped: ${event.message}`);

function state(message) {
  if (message.turn !== turn) return;
  last = message;
  const from = message.step - message.losses.length;
  message.losses.forEach((loss, i) => curve.push([from + i + 1, loss]));
  if (curve.length > 3000) for (let i = curve.length - 1; i > 0; i -= 2) curve.splice(i, 1);
  if (held.length > 600) for (let i = held.length - 2; i > 0; i -= 2) held.splice(i, 1);
  const m = message.measured;
  if (m) {
    held.push([m.step, m.loss]);
    const floors = m.entropy ? `entropy of the targets ${short(m.entropy)}` : m.range ? `out of the output's reach ${short(m.range)}` : "";
    $("losses").textContent = `held-out loss ${short(m.loss)}; best constant ${short(m.constant)}${floors && `; ${floors}`}`;
    state.floors = { constant: m.constant, floor: m.entropy || m.range };
    askLinear(message.settings);
    paintLine(m);
    if (message.recognised) explain(message.recognised);
    if (broken && !message.recognised) tellOf(FAILURES.find((one) => one.id === broken));
  }
  const nan = message.nan ? `; the first number that is none came in step ${message.nan.step}: ${message.nan.why}` : "";
  const [pictures, steps] = [1, message.settings.batch].map((by) => Math.round(message.rate / by).toLocaleString("en"));
  const rate = message.rate && message.running ? `, ${steps} steps and ${pictures} pictures a second` : "";
  $("status").textContent = `step ${message.step.toLocaleString("en")}${rate}${nan}`;
  requestAnimationFrame(paint);
}

// ---- the best linear denoiser

let wanted = 0;
function askLinear(of) {
  if (wanted === turn) return;
  wanted = turn;
  setTimeout((asked) => asked === turn && linear.postMessage({ settings: of, turn: asked }), 500, turn); // a slider may still move
}

linear.onmessage = ({ data }) => {
  if (data.turn !== turn) return;
  linear.error = data.error;
  if (last?.measured) paintLine(last.measured);
  requestAnimationFrame(paint);
};

function explain({ sentence, shown }) {
  const failure = FAILURES.find((one) => one.id === broken);
  if (failure === undefined || hidden) return;
  tellOf(failure, sentence, shown);
}

function tellOf(failure, sentence = "train it, and its number appears here", shown = null) {
  if (hidden) return;
  const line = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
  const mark = shown === null ? "" : shown ? "✗ " : "✓ ";
  const known = line("p", `Known by the ${failure.number}: ${mark}${sentence}.`);
  known.setAttribute("aria-live", "off"); // it changes with every measurement
  const same = $("told").dataset.of === `${turn} ${shown}` && $("told").children[1];
  if (same) return void (same.textContent = known.textContent);
  $("told").dataset.of = `${turn} ${shown}`;
  const lines = [line("p", mended ? "Repaired. " + failure.cause : failure.sees), known];
  if (!mended) lines.push(line("p", failure.cause));
  lines.push(line("p", `Chapter ${failure.chapter.slice(0, 2)}.`));
  $("told").dataset.shown = shown;
  $("told").replaceChildren(...lines);
}

function check({ rows, error }) {
  const cell = (tag, text, off = false) => Object.assign(document.createElement(tag), { textContent: text, className: off ? "off" : "" });
  const row = (...cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells);
    return tr;
  };
  const most = Math.max(...rows.map(({ analytic }) => Math.abs(analytic)), 1e-300);
  const head = row(...["pixel", "unit", "backpropagation", "difference of the loss", "apart"].map((text) => cell("th", text)));
  const body = rows.map(({ pixel, unit, analytic, numeric }) => {
    const apart = Math.abs(analytic - numeric) / most;
    return row(cell("td", pixel), cell("td", unit), cell("td", analytic.toExponential(6)), cell("td", numeric.toExponential(6)), cell("td", apart > 1e-5 ? `${apart.toExponential(1)} ✗` : "✓", apart > 1e-5));
  });
  $("rows").replaceChildren(head, ...body);
  $("rows").dataset.error = error;
}

// ---- pictures

function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(["ink", "soft", "line", "blue", "orange"].map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

function paint() {
  if (last === null || (calm && running && paint.at && performance.now() - paint.at < 1000)) return;
  paint.at = performance.now();
  paintCurve();
  const side = last.settings.side;
  const [low, high] = { signed: [-1, 1], levels: [0, 255] }[last.settings.data] ?? [0, 1];
  const rows = ["clean", "fed", "z"].map((name) => last.pictures.map((one) => one[name]));
  const canvas = $("pictures");
  const context = cleared(canvas);
  const size = canvas.width / rows[0].length;
  rows.forEach((row, r) => row.forEach((x, i) => tile(context, x, side, i * size, r * size, size - 4, low, high)));
  const filters = $("filters");
  const drawn = cleared(filters);
  const across = 12;
  last.filters.forEach((w, j) => {
    const most = w.reduce((m, value) => Math.max(m, Math.abs(value)), 1e-12);
    const cell = filters.width / across;
    tile(drawn, w, side, (j % across) * cell, Math.floor(j / across) * cell, cell - 2, -most, most);
  });
}

function cleared(canvas) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  return context;
}

// A canvas as sharp and as wide as the page shows it, so that its words can be read on a telephone: context and width.
function fitted(canvas) {
  const ratio = Math.min(2, devicePixelRatio);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((one) => Math.max(1, Math.round(one * ratio)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = cleared(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, width / ratio];
}

const spare = document.createElement("canvas");
function tile(context, x, side, left, top, size, low, high) {
  spare.width = spare.height = side;
  const image = new ImageData(side, side);
  for (let k = 0; k < x.length; k++) {
    const grey = (255 * (x[k] - low)) / (high - low);
    image.data.set(Number.isNaN(grey) ? [200, 60, 0, 255] : [grey, grey, grey, 255], 4 * k);
  }
  spare.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(spare, left, top, size, size);
  if (!x.some(Number.isNaN)) return;
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = "white"; // told in words too, not by the colour alone
  context.fillText("NaN", left + size / 2 - 14, top + size / 2 + 5, size);
}

function paintCurve() {
  const [context, whole] = fitted($("loss"));
  const { ink, soft, line, blue, orange } = colours();
  const { constant, floor } = state.floors ?? {};
  const finite = [...curve, ...held].map(([, loss]) => loss).filter((loss) => Number.isFinite(loss) && loss > 0);
  const heights = [...finite, constant, floor, last.settings.loss === "squared_error" ? linear.error : 0].filter((value) => value > 0);
  if (heights.length === 0) return;
  const [low, high] = [Math.log(0.9 * Math.min(...heights)), Math.log(1.1 * Math.min(Math.max(...heights), 1e6 * Math.min(...heights)))];
  const most = Math.max(10, last.step);
  const [left, bottom, width, height] = [56, 270, whole - 66, 250];
  const place = ([step, loss]) => [left + (width * step) / most, bottom - (height * (Math.log(loss) - low)) / (high - low)];
  context.font = "14px system-ui, sans-serif";
  context.strokeStyle = line;
  context.strokeRect(left, bottom - height, width, height);
  const across = (value, words, dash) => {
    if (!(value > 0)) return;
    const y = place([0, value])[1];
    context.setLineDash(dash);
    context.strokeStyle = context.fillStyle = soft;
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
    context.fillText(words, left + width - context.measureText(words).width - 4, y - 4);
  };
  across(constant, "best constant", [6, 4]);
  if (last.settings.loss === "squared_error") across(linear.error, "best linear denoiser", [9, 3, 2, 3]);
  across(floor, last.settings.loss === "cross_entropy" ? "entropy of the targets" : "out of the output's reach", [2, 3]);
  context.setLineDash([]);
  const trace = (points, colour, thick) => {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.beginPath();
    let pen = false;
    for (const point of points) {
      const [x, y] = place(point);
      if (!Number.isFinite(y)) pen = false;
      else if (pen) context.lineTo(x, y);
      else [pen] = [true, context.moveTo(x, y)];
    }
    context.stroke();
  };
  trace(curve, blue, 1);
  trace(held, orange, 2.5);
  context.fillStyle = ink;
  if (last.nan) {
    const words = `not a number from step ${last.nan.step} on`;
    const [x] = place([last.nan.step, constant]);
    context.fillText(words, Math.min(x + 6, left + width - context.measureText(words).width - 6), bottom - height / 2);
    context.fillRect(x, bottom - height, 1.5, height);
  }
  for (const value of [Math.exp(low), Math.exp((low + high) / 2), Math.exp(high)]) {
    context.fillText(Number(value.toPrecision(3)), 4, place([0, value])[1] + 5);
  }
  context.fillText("0", left, bottom + 18);
  context.fillText(`step ${most}`, left + width - 70, bottom + 18);
  context.fillStyle = blue;
  context.fillText("batches", left + 8, bottom - height + 18);
  context.fillStyle = orange;
  context.fillText("held-out digits (thick)", left + 80, bottom - height + 18);
}

// The squared error on a line from 0 to twice the mean picture's, whatever the loss is.
function paintLine({ squared, squaredMean }) {
  const [context, whole] = fitted($("line"));
  const { ink, soft, blue } = colours();
  const [left, width, y] = [8, whole - 16, 34];
  const write = (words, x, down) => {
    const half = context.measureText(words).width / 2;
    context.fillText(words, Math.max(0, Math.min(x - half, whole - 2 * half)), down);
  };
  const at = (value) => left + (width * Math.min(value, 1.6 * squaredMean)) / (1.6 * squaredMean);
  context.font = "14px system-ui, sans-serif";
  context.strokeStyle = soft;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(left + width, y);
  const tick = (value, words, down) => {
    context.moveTo(at(value), y - 8);
    context.lineTo(at(value), y + 8);
    context.fillStyle = soft;
    write(words, at(value), down);
  };
  tick(0, "0", y + 24);
  tick(squaredMean, "mean picture", y + 24);
  if (linear.error !== null) tick(linear.error, "best linear denoiser", y + 42);
  context.stroke();
  context.fillStyle = ink;
  const place = Number.isFinite(squared) ? at(squared) : left + width;
  write(Number.isNaN(squared) ? "this network: not a number" : "this network", place, y - 16);
  context.fillStyle = blue;
  context.beginPath();
  context.arc(place, y, 6, 0, 2 * Math.PI);
  context.fill();
  const best = linear.error === null ? "" : `; the best linear denoiser of as many units ${short(linear.error)}`;
  $("squares").textContent = `Squared error per picture: this network ${short(squared)}${best}; the mean picture ${short(squaredMean)}.`;
}

// ---- drawing

const board = { x: new Float32Array(784), pen: true, down: false, at: [14, 14] };

function paintBoard() {
  tile(cleared($("board")), board.x, 28, 0, 0, 196, 0, 1);
}

function dab(column, row) {
  for (let k = 0; k < 784; k++) {
    const apart = Math.hypot((k % 28) + 0.5 - column, Math.floor(k / 28) + 0.5 - row);
    if (board.pen) board.x[k] = Math.max(board.x[k], Math.min(1, Math.max(0, 1.9 - apart)));
    else if (apart < 3) board.x[k] = 0;
  }
  paintBoard();
}

function ask() {
  const { side } = settings;
  const by = 28 / side;
  const fed = new Float32Array(side * side);
  board.x.forEach((value, k) => (fed[Math.floor(Math.floor(k / 28) / by) * side + Math.floor((k % 28) / by)] += value / by ** 2));
  tell("answer", { fed, times: Number($("times").value) });
}

function answer({ walk, units }) {
  const canvas = $("walk");
  const context = cleared(canvas);
  const side = Math.sqrt(walk[0].length);
  const size = Math.min(110, canvas.width / walk.length);
  walk.forEach((x, t) => tile(context, x, side, t * size, 0, size - 4, 0, 1));
  units.forEach(({ filter }, j) => {
    const most = filter.reduce((m, value) => Math.max(m, Math.abs(value)), 1e-12);
    tile(context, filter, side, j * 64, 124, 60, -most, most);
  });
  const fired = units.map(({ unit, y }) => `${unit} (${y.toFixed(2)})`).join(", ");
  $("fired").textContent = `Below: the filters of the hidden units that fire most: ${fired}.`;
  canvas.dataset.last = walk.at(-1).reduce((sum, value) => sum + value, 0);
}

// ---- one's own pictures

async function taken(files) {
  const parts = [];
  for (const file of files) {
    if (file.name.toLowerCase().endsWith(".npy")) parts.push(fromNpy(await file.arrayBuffer()));
    else parts.push(await fromImage(file));
  }
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  const n = all.length / 784;
  if (n < 20) throw new Error(`20 pictures are needed at least, found ${n}`);
  const cut = 784 * Math.max(10, Math.floor(0.9 * n));
  let test = all.subarray(cut);
  while (test.length < 200 * 784) test = Uint8Array.from([...test, ...test].slice(0, 200 * 784));
  use({ train: all.slice(0, cut), test: test.slice() });
  return `${n} pictures of yours`;
}

function fromNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  const length = bytes[6] === 1 ? 2 : 4;
  const size = new DataView(buffer).getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(8 + length, 8 + length + size));
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1].split(",").filter((part) => part.trim()).map(Number);
  const fits = /'descr': '\|u1'/.test(header) && /'fortran_order': False/.test(header);
  if (!fits || shape === undefined || shape.slice(1).reduce((a, b) => a * b, 1) !== 784) {
    throw new Error(`a .npy file must hold uint8 pictures of 28×28 (N, 28, 28), found ${header.trim().slice(0, 80)}`);
  }
  return bytes.slice(8 + length + size);
}

async function fromImage(file) {
  const bitmap = await createImageBitmap(file, { resizeWidth: 28, resizeHeight: 28, resizeQuality: "high" });
  const canvas = new OffscreenCanvas(28, 28);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, 28, 28);
  return Uint8Array.from({ length: 784 }, (_, k) => 0.299 * data[4 * k] + 0.587 * data[4 * k + 1] + 0.114 * data[4 * k + 2]);
}

let pictures = null;
function use(found) {
  pictures = found;
  tell("data", { pictures });
  linear.postMessage({ pictures });
  start("");
}

// ---- begin

function listen() {
  $("run").onclick = () => toggle(!running);
  $("one").onclick = () => {
    toggle(false);
    tell("one");
  };
  $("restart").onclick = () => start(broken, hidden);
  $("usual").onclick = () => {
    location.hash = "";
    location.reload();
  };
  $("share").onclick = async () => {
    const changed = CONTROLS.filter(([name]) => settings[name] !== DEFAULTS[name]).map(([name]) => [name, settings[name]]);
    const limits = [...link].filter(([name]) => /\.(from|to)$/.test(name)); // else a value beyond the usual ones is cut
    const failure = broken && !hidden ? [["broken", broken]] : [];
    location.hash = new URLSearchParams([...limits, ...changed, ...failure]).toString();
    try {
      await navigator.clipboard.writeText(location.href);
      $("status").textContent = "the link is in the address bar and on the clipboard";
    } catch {
      $("status").textContent = "the link is in the address bar";
    }
  };
  $("breakit").onclick = () => {
    start($("failure").value);
    toggle(true);
  };
  $("repair").onclick = () => {
    [mended, hidden] = [true, false];
    $("failure").value = broken;
    fresh();
    tell("repair", { settings, broken, turn });
    if (running) tell("run");
  };
  $("guess").onclick = () => {
    start(FAILURES[Math.floor(Math.random() * FAILURES.length)].id, true);
    toggle(true);
    const button = Object.assign(document.createElement("button"), { textContent: "This is it", id: "thisisit" });
    button.onclick = () => {
      const right = $("failure").value === broken;
      const { title } = FAILURES.find((one) => one.id === broken);
      hidden = false;
      $("failure").value = broken;
      $("told").replaceChildren(Object.assign(document.createElement("p"), { textContent: right ? `Right: ${title}.` : `It is another one: ${title}.` }));
    };
    const words = Object.assign(document.createElement("p"), { textContent: "Something is broken. Watch it, choose a failure above, and say so. " });
    $("told").replaceChildren(words, button);
  };
  for (const [id, pen] of [["pen", true], ["eraser", false]]) {
    $(id).onclick = () => {
      board.pen = pen;
      $("pen").setAttribute("aria-pressed", pen);
      $("eraser").setAttribute("aria-pressed", !pen);
    };
  }
  $("clear").onclick = () => {
    board.x.fill(0);
    paintBoard();
    ask();
  };
  $("noise").onclick = () => {
    board.x = Float32Array.from(corrupted(board.x, 784, { noise: "masking", nu: 1 / 3 }, () => [Math.random() * 2 ** 32, 1]));
    paintBoard();
    ask();
  };
  $("example").onclick = () => {
    const at = 784 * Math.floor((Math.random() * pictures.test.length) / 784);
    board.x = Float32Array.from(pictures.test.subarray(at, at + 784), (value) => value / 255);
    paintBoard();
    ask();
  };
  $("times").oninput = () => {
    $("times").nextElementSibling.textContent = $("times").value;
    ask();
  };
  const draw = (event) => {
    const { left, top, width } = $("board").getBoundingClientRect();
    dab(((event.clientX - left) / width) * 28, ((event.clientY - top) / width) * 28);
  };
  $("board").onpointerdown = (event) => {
    board.down = true;
    $("board").setPointerCapture(event.pointerId);
    draw(event);
  };
  $("board").onpointermove = (event) => board.down && draw(event);
  $("board").onpointerup = () => {
    board.down = false;
    ask();
  };
  $("board").onkeydown = (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move === undefined && event.key !== " ") return;
    event.preventDefault();
    if (move) board.at = board.at.map((one, i) => Math.min(27, Math.max(0, one + move[i])));
    paintBoard();
    if (!move) [dab(...board.at), ask()];
    const context = $("board").getContext("2d");
    context.strokeStyle = colours().orange;
    context.strokeRect(board.at[0] * 7 - 7, board.at[1] * 7 - 7, 14, 14);
  };
  $("check").onclick = () => tell("check", { weight: null });
  $("checkone").onclick = () => {
    const [pixel, unit] = [["pixel", settings.side ** 2], ["unit", settings.hidden]].map(([id, end]) => {
      $(id).value = Math.min(end - 1, Math.max(0, Math.trunc(Number($(id).value)))); // one that there is
      return Number($(id).value);
    });
    tell("check", { weight: { pixel, unit } });
  };
  $("files").onchange = async () => {
    try {
      $("status").textContent = await taken($("files").files);
    } catch (error) {
      $("status").textContent = error.message;
    }
  };
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    try {
      $("status").textContent = await taken(event.dataTransfer.files);
    } catch (error) {
      $("status").textContent = error.message;
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint());
}

async function begin() {
  const whole = { Infinity, "-Infinity": -Infinity, NaN };
  const cases = JSON.parse($("cases").textContent, (_, value) =>
    Array.isArray(value?.data) ? { shape: value.shape, data: Float64Array.from(value.data, (one) => whole[one] ?? one) } : value,
  );
  const held = compareAll(cases);
  const apart = held.differ.length ? `; these differ: ${held.differ.join(", ")}` : "";
  $("badge").textContent = `Its mathematics, here and now: ${held.agreed} of ${held.of} frozen cases agree, to ${held.largest.toExponential(0)}${apart}.`;
  $("badge").classList.toggle("wrong", held.differ.length > 0);
  const packed = Uint8Array.from(atob($("digits").textContent.trim()), (one) => one.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  makeControls();
  listen();
  paintBoard();
  const cut = 784 * Math.floor(all.length / 784 - 300);
  broken = FAILURES.some((one) => one.id === link.get("broken")) ? link.get("broken") : "";
  if (broken) $("failure").value = broken;
  const first = broken;
  pictures = { train: all.slice(0, cut), test: all.slice(cut) };
  tell("data", { pictures });
  linear.postMessage({ pictures });
  start(first);
  document.body.dataset.ready = "yes";
}

begin();
