// safetensors files: eight bytes with the length of a header, the header in JSON, then the numbers of all arrays.
// An array is { shape, data } here; data are JavaScript's numbers, row by row, or truth values where the file has BOOL.

import { readFileSync, writeFileSync } from "node:fs";

const READERS = {
  F64: { size: 8, get: (view, at) => view.getFloat64(at, true) },
  I64: { size: 8, get: (view, at) => Number(view.getBigInt64(at, true)) },
  BOOL: { size: 1, get: (view, at) => view.getUint8(at) !== 0 },
};

export function read(path) {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const begin = 8 + Number(view.getBigUint64(0, true));
  const header = JSON.parse(bytes.subarray(8, begin).toString("utf8"));
  delete header.__metadata__;
  const arrays = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const reader = READERS[dtype];
    if (!reader) throw new Error(`${name} must be of dtype ${Object.keys(READERS).join(", ")}, found ${dtype}`);
    const count = shape.reduce((product, side) => product * side, 1);
    const { size, get } = reader;
    if (to - from !== count * size) throw new Error(`${name} must have ${count * size} bytes, found ${to - from}`);
    arrays[name] = { shape, data: Array.from({ length: count }, (_, i) => get(view, begin + from + i * size)) };
  }
  return arrays;
}

// Write arrays of float64; a plain number is an array without axes.
export function write(path, arrays) {
  const header = {};
  const parts = [];
  let offset = 0;
  for (const [name, value] of Object.entries(arrays)) {
    const { shape, data } = typeof value === "number" ? { shape: [], data: [value] } : value;
    const part = Buffer.alloc(8 * data.length);
    data.forEach((number, i) => part.writeDoubleLE(number, 8 * i));
    header[name] = { dtype: "F64", shape, data_offsets: [offset, offset + part.length] };
    offset += part.length;
    parts.push(part);
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(text.length + ((8 - (text.length % 8)) % 8))); // the numbers begin aligned
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, ...parts]));
}
