// What the small figures are made of: sliders with names, plots as SVG, pictures, and a sentence that says it in words.

const $ = (id) => document.getElementById(id);
export const data = JSON.parse($("data").textContent);
export const short = (value, digits = 3) => {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) return power(value);
  return Number(value.toPrecision(digits)).toLocaleString("en", { maximumSignificantDigits: digits });
};
const power = (value) => {
  const [digits, exponent] = value.toExponential(1).split("e");
  return `${digits === "1.0" ? "" : `${digits} · `}10${[...String(Number(exponent))].map((one) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(one)]).join("")}`;
};

// ---- controls

let redraw = () => {};
const values = {};
const inputs = {};

// A slider; `log` ones move by powers of ten. `says` makes words of its value.
export function slider(name, words, { from, to, step, at, log = false, says = short }) {
  const label = Object.assign(document.createElement("label"), { textContent: words });
  const [input, output] = [document.createElement("input"), document.createElement("output")];
  const scale = log ? Math.log10 : (value) => value;
  Object.assign(input, { type: "range", min: scale(from), max: scale(to), step: log ? (scale(to) - scale(from)) / 200 : step });
  const take = () => {
    values[name] = log ? 10 ** Number(input.value) : Number(input.value);
    output.textContent = says(values[name]);
    input.setAttribute("aria-valuetext", says(values[name]));
  };
  inputs[name] = (value) => {
    input.value = scale(value);
    take();
    values[name] = value; // as it was asked for, not as a slider rounds it
    output.textContent = says(value);
  };
  input.id = label.htmlFor = `set-${name}`;
  input.addEventListener("input", () => (take(), redraw()));
  label.append(output, input);
  $("controls").append(label);
  inputs[name](at);
}

export function choice(name, words, options) {
  const label = Object.assign(document.createElement("label"), { textContent: words });
  const select = Object.assign(document.createElement("select"), { id: `set-${name}` });
  for (const [value, text] of Object.entries(options)) select.append(new Option(text, value));
  label.htmlFor = select.id;
  values[name] = select.value;
  inputs[name] = (value) => (select.value = values[name] = value);
  select.addEventListener("change", () => ((values[name] = select.value), redraw()));
  label.append(select);
  $("controls").append(label);
}

// Buttons, each of which sets some controls.
export function presets(rows) {
  for (const [words, settings] of rows) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    button.onclick = () => {
      for (const [name, value] of Object.entries(settings)) inputs[name](value);
      redraw();
    };
    $("presets").append(button);
  }
}

// Draw now, and whenever a control or the width changes; `draw` gets the values and returns the sentence.
export function show(draw) {
  let spoken = 0;
  redraw = () => {
    const sentence = draw(values);
    $("says").textContent = sentence;
    for (const panel of document.querySelectorAll("svg, canvas")) panel.setAttribute("aria-label", `${panel.dataset.what}. ${sentence}`);
    clearTimeout(spoken);
    spoken = setTimeout(() => ($("spoken").textContent = sentence), 500); // once the slider rests, for who listens
    parent.postMessage({ height: document.body.offsetHeight }, "*");
  };
  let widths = "";
  const watch = new ResizeObserver(() => {
    if (widths !== (widths = `${$("one").clientWidth} ${$("two").clientWidth}`)) redraw();
  });
  for (const id of ["one", "two"]) watch.observe($(id));
  document.body.dataset.ready = "yes";
}

// ---- plots

const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

// An axis: from, to, whether log; ticks [value, text].
const axis = (kind, low, high) => {
  const scale = kind.log ? Math.log10 : (value) => value;
  const [from, to] = [scale(kind.from), scale(kind.to)];
  return (value) => Math.max(-1e4, Math.min(1e4, low + ((high - low) * (scale(value) - from)) / (to - from)));
};

// A plot in the panel `id`: `x` and `y` are axes {from, to, log, words, ticks}. What is drawn is drawn over what was.
export function plot(id, what, x, y, height = 260) {
  let svg = $(id).querySelector("svg");
  if (svg === null) {
    $(id).innerHTML = '<svg role="img"></svg>';
    svg = $(id).firstChild;
  }
  svg.dataset.what = what;
  const width = Math.max(260, $(id).clientWidth);
  const [left, right, top, bottom] = [66, width - 18, 12, height - 44];
  const [px, py] = [axis(x, left, right), axis(y, bottom, top)];
  const parts = [];
  const put = (text) => parts.push(text);
  const text = (at, down, words, { anchor = "start", tone = "" } = {}) =>
    put(`<text x="${at}" y="${down}" text-anchor="${anchor}" class="${tone}">${escaped(words)}</text>`);
  for (const [value, words] of y.ticks) {
    put(`<line x1="${left}" x2="${right}" y1="${py(value)}" y2="${py(value)}" class="grid"/>`);
    text(left - 6, py(value) + 4, words, { anchor: "end", tone: "soft" });
  }
  for (const [value, words] of x.ticks) text(px(value), bottom + 18, words, { anchor: "middle", tone: "soft" });
  text((left + right) / 2, height - 6, x.words, { anchor: "middle", tone: "soft" });
  text(8, (top + bottom) / 2, y.words, { anchor: "middle", tone: "soft turned" });
  put(`<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" class="frame"/>`);
  return {
    px,
    py,
    left,
    right,
    top,
    bottom,
    line: (points, tone) => put(`<polyline points="${points.map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`).join(" ")}" class="${tone}" clip-path="url(#inside-${id})"/>`),
    level(value, words, under = false) {
      put(`<line x1="${left}" x2="${right}" y1="${py(value)}" y2="${py(value)}" class="level"/>`);
      text(under ? left + 4 : right - 4, py(value) + (under ? 16 : -5), words, { anchor: under ? "start" : "end", tone: "halo" });
    },
    at(value) {
      put(`<line x1="${px(value)}" x2="${px(value)}" y1="${top}" y2="${bottom}" class="now"/>`);
    },
    bar: (from, to, low, high, tone) =>
      put(`<rect x="${px(from)}" width="${Math.max(0, px(to) - px(from))}" y="${py(high)}" height="${Math.max(0, py(low) - py(high))}" class="${tone}" clip-path="url(#inside-${id})"/>`),
    // a ring, or a cross: told apart by shape
    mark(a, b, cross = false, size = 4.5) {
      const [u, v] = [px(a), py(b)];
      if (!cross) put(`<circle cx="${u}" cy="${v}" r="${size}" class="ring"/>`);
      else put(`<path d="M${u - size} ${v - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}" class="cross"/>`);
    },
    dot: (a, b) => put(`<circle cx="${px(a)}" cy="${py(b)}" r="6" class="dot"/>`),
    word: (a, b, words, how = {}) => text(px(a) + (how.dx ?? 0), py(b) + (how.dy ?? 0), words, { ...how, tone: `halo ${how.tone ?? ""}` }),
    done() {
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("height", height);
      svg.innerHTML = `<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" x2="0" y1="0" y2="7" class="hatching"/></pattern><clipPath id="inside-${id}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath></defs>${parts.join("")}`;
    },
  };
}

// ---- pictures

// Rows of pictures with a name each, as large as the panel is wide.
export function pictures(id, what, rows, side) {
  let canvas = $(id).querySelector("canvas");
  if (canvas === null) {
    canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    $(id).append(canvas);
  }
  canvas.dataset.what = what;
  const ratio = Math.min(2, devicePixelRatio);
  const width = Math.max(260, $(id).clientWidth);
  const size = Math.min(64, Math.floor(width / rows[0].items.length));
  const high = rows.length * (size + 26);
  Object.assign(canvas, { width: width * ratio, height: high * ratio });
  Object.assign(canvas.style, { width: `${width}px`, height: `${high}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.imageSmoothingEnabled = false;
  context.font = "14px system-ui, sans-serif";
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink");
  const spare = Object.assign(document.createElement("canvas"), { width: side, height: side });
  rows.forEach(({ words, items }, r) => {
    context.fillText(words, 0, r * (size + 26) + 16);
    items.forEach((x, i) => {
      const image = new ImageData(side, side);
      for (let k = 0; k < side * side; k++) image.data.set([255 * x[k], 255 * x[k], 255 * x[k], 255], 4 * k);
      spare.getContext("2d").putImageData(image, 0, 0);
      context.drawImage(spare, i * size, r * (size + 26) + 22, size - 3, size - 3);
    });
  });
}

// Numbers of a base64 text: `Kind` says which.
export const numbers = (text, Kind) => new Kind(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer);

// Pictures of D pixels, from 0 to 1.
export function unpacked(text, D) {
  const bytes = numbers(text, Uint8Array);
  return Array.from({ length: bytes.length / D }, (_, i) => Float64Array.from(bytes.subarray(i * D, (i + 1) * D), (v) => v / 255));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
