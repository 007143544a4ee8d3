// What chance decides, each example by a key of its own: word for word as scratchdae/corruption/draws.py.
//
// splitmix64 (Steele, Lea and Flood 2014). A number of 64 bits is two of 32, [high, low], because a number of
// JavaScript holds only 53 bits exactly.

const GOLDEN = [0x9e3779b9, 0x7f4a7c15];
const C1 = [0xbf58476d, 0x1ce4e5b9];
const C2 = [0x94d049bb, 0x133111eb];

// the upper half of the product of two numbers of 32 bits
function high(a, b) {
  const ah = a >>> 16;
  const al = a & 0xffff;
  const bh = b >>> 16;
  const bl = b & 0xffff;
  const middle = ah * bl + ((al * bl) >>> 16);
  return ah * bh + Math.floor(middle / 65536) + Math.floor(((middle % 65536) + al * bh) / 65536);
}

// What `mix` works on: nothing is allocated, since it is called for every pixel.
let h = 0;
let l = 0;

function times([bh, bl]) {
  h = (high(l, bl) + Math.imul(h, bl) + Math.imul(l, bh)) >>> 0;
  l = Math.imul(l, bl) >>> 0;
}

// z ⊕ z ≫ n, for n below 32
function fold(n) {
  l = (l ^ ((l >>> n) | (h << (32 - n)))) >>> 0;
  h = (h ^ (h >>> n)) >>> 0;
}

// Leave word n of a key in h and l.
function mix([kh, kl], n) {
  [h, l] = [0, n + 1];
  times(GOLDEN);
  const low = kl + l;
  h = (kh + h + (low > 0xffffffff ? 1 : 0)) >>> 0;
  l = low >>> 0;
  fold(30);
  times(C1);
  fold(27);
  times(C2);
  fold(31);
}

// Word n of a key.
export function word(key, n) {
  mix(key, n);
  return [h, l];
}

// n numbers from 0 to 2³² − 1: the low halves of the words, then the high ones.
export function halves(key, n) {
  const count = Math.ceil(n / 2);
  const out = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    mix(key, i);
    out[i] = l;
    out[count + i] = h;
  }
  return out.subarray(0, n);
}

// ⌊u (j + 1) / 2³²⌋: a number from 0 to j of a half
const upTo = (u, j) => Math.floor((u * (j + 1)) / 4294967296);

// `count` of d components, every subset alike (Floyd's algorithm): 1 is chosen.
export function subset(key, d, count, out = new Uint8Array(d)) {
  const drawn = Math.min(count, d - count);
  const u = halves(key, drawn);
  out.fill(0);
  for (let i = 0; i < drawn; i++) {
    const j = d - drawn + i;
    const t = upTo(u[i], j);
    out[out[t] ? j : t] = 1;
  }
  if (drawn !== count) for (let k = 0; k < d; k++) out[k] ^= 1;
  return out;
}

export const spent = (d, count) => Math.ceil(Math.min(count, d - count) / 2);

// A fair coin for each of d components, from word `first` on, the lowest bits first.
export function coins(key, first, d) {
  const out = new Uint8Array(d);
  for (let k = 0; k < d; k += 64) {
    mix(key, first + k / 64);
    for (let i = 0; i < Math.min(64, d - k); i++) out[k + i] = ((i < 32 ? l : h) >>> (i % 32)) & 1;
  }
  return out;
}

// n numbers of mean 0 and variance 1 (Box and Muller): all cosines, then the sines.
export function normals(key, n) {
  const count = Math.ceil(n / 2);
  const out = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    mix(key, i);
    const t = Math.tan(h * (Math.PI / 4294967296));
    const r = Math.sqrt(-2 * Math.log((l + 1) / 4294967296)) / (1 + t * t);
    out[i] = r * (1 - t * t);
    out[count + i] = r * 2 * t;
  }
  return out.subarray(0, n);
}

// ---- the streams of a run: purpose, then counter, make a key

// Key number n of a purpose of a seed.
export const keyOf = (seed, purpose, n) => word(word([0, seed], purpose), n);
export const PURPOSES = { weights: 0, order: 1, corruption: 2 };

// Numbers uniform on ±bound.
export function uniform(key, n, bound, Kind = Float32Array) {
  return Kind.from(halves(key, n), (u) => bound * ((2 * (u + 0.5)) / 4294967296 - 1));
}

// 0 … n − 1 in the order of their words.
export function order(key, n) {
  const drawn = Array.from({ length: n }, (_, i) => [...word(key, i), i]);
  return drawn.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((one) => one[2]);
}
