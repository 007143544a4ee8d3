// The little linear algebra that an autoencoder needs, on { shape, data } with the data row by row.

export const array = (shape, data) => ({ shape, data });

// Apply a function entry by entry to arrays of one shape.
export const map = (f, first, ...others) =>
  array(first.shape, first.data.map((value, i) => f(value, ...others.map((other) => other.data[i]))));

export const sum = (a) => a.data.reduce((total, value) => total + value, 0);

export function matmul(a, b) {
  const [rows, inner] = a.shape;
  const columns = b.shape[1];
  const data = new Array(rows * columns).fill(0);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < inner; k++)
      for (let j = 0; j < columns; j++) data[i * columns + j] += a.data[i * inner + k] * b.data[k * columns + j];
  return array([rows, columns], data);
}

export function transpose(a) {
  const [rows, columns] = a.shape;
  return array([columns, rows], a.data.map((_, at) => a.data[(at % rows) * columns + Math.floor(at / rows)]));
}

// Add a vector to every row.
export const addRow = (a, row) => array(a.shape, a.data.map((value, i) => value + row.data[i % row.data.length]));

// Sum over the rows.
export function sumRows(a) {
  const [rows, columns] = a.shape;
  const data = new Array(columns).fill(0);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) data[j] += a.data[i * columns + j];
  return array([columns], data);
}

// Call a function with each row of the last axis; put the rows that it returns together again.
export function mapRows(f, a, ...others) {
  const width = a.shape.at(-1);
  const data = [];
  for (let at = 0; at < a.data.length; at += width)
    data.push(...f(...[a, ...others].map((each) => each.data.slice(at, at + width))));
  return array(a.shape, data);
}
