// The best linear denoiser of so many units: what the page's network is compared with, in closed form.
//
// As scratchdae.floors.masking, with a constant and an exact count destroyed, for every noise of the page: with C the
// covariance of the data, K that of what the network sees, and p C that of the two, least squares gives
// W = K⁻¹ p C, and of rank k, W V Vᵀ with the k leading eigenvectors of p C W (reduced-rank regression, Izenman 1975).

const RIDGE = 1e-12; // of the largest variance: for pixels that are always 0

// W (D, D), the mean of what is seen and that of what is answered: z = answered + (x_tilde − seen) W.
export function bestLinear(x, D, { noise, nu, hidden }) {
  const N = x.length / D;
  const mean = new Float64Array(D);
  for (let n = 0; n < x.length; n++) mean[n % D] += x[n] / N;
  const C = covariance(x, D, mean);
  const count = noise === "none" || noise === "gaussian" ? 0 : Math.round(nu * D);
  const p = (D - count) / D;
  const pairs = D > 1 ? (p * (D * p - 1)) / (D - 1) : p; // both of two components are kept
  const one = noise === "salt_and_pepper" ? 0.5 : 0; // the mean, and the square's, of what takes a pixel's place
  const seen = mean.map((m) => p * m + (1 - p) * one);
  const K = new Float64Array(D * D);
  for (let i = 0; i < D; i++) {
    for (let j = 0; j < D; j++) {
      const S = C[i * D + j] + mean[i] * mean[j];
      const two = i === j ? p * S + (1 - p) * one : pairs * S + (p - pairs) * one * (mean[i] + mean[j]) + (1 - 2 * p + pairs) * one * one;
      K[i * D + j] = two - seen[i] * seen[j];
    }
    if (noise === "gaussian") K[i * D + i] += nu * nu;
  }
  const cross = C.map((value) => p * value);
  const W = solved(K, cross, D);
  if (hidden >= D) return { W, seen, answered: mean };
  const { vectors } = eigen(product(cross, W, D), D);
  const kept = vectors.subarray(0, hidden * D); // a row each, the largest eigenvalue's first
  const [coordinates, low] = [new Float64Array(D * hidden), new Float64Array(D * D)];
  for (let i = 0; i < D; i++) {
    for (let j = 0; j < hidden; j++) {
      let sum = 0;
      for (let k = 0; k < D; k++) sum += W[i * D + k] * kept[j * D + k];
      coordinates[i * hidden + j] = sum;
      for (let k = 0; k < D; k++) low[i * D + k] += sum * kept[j * D + k];
    }
  }
  return { W: low, seen, answered: mean };
}

// Its squared error, a sum over pixels and a mean over examples, on inputs `fed` for `x`.
export function errorOf({ W, seen, answered }, fed, x, D) {
  const z = new Float64Array(D);
  let total = 0;
  for (let at = 0; at < x.length; at += D) {
    z.set(answered);
    for (let k = 0; k < D; k++) {
      const value = fed[at + k] - seen[k];
      for (let j = 0; j < D; j++) z[j] += value * W[k * D + j];
    }
    for (let j = 0; j < D; j++) total += (z[j] - x[at + j]) ** 2;
  }
  return (total * D) / x.length;
}

function covariance(x, D, mean) {
  const C = new Float64Array(D * D);
  const row = new Float64Array(D);
  for (let at = 0; at < x.length; at += D) {
    for (let k = 0; k < D; k++) row[k] = x[at + k] - mean[k];
    for (let i = 0; i < D; i++) for (let j = 0; j <= i; j++) C[i * D + j] += row[i] * row[j];
  }
  const N = x.length / D;
  for (let i = 0; i < D; i++) for (let j = 0; j <= i; j++) C[j * D + i] = C[i * D + j] /= N;
  return C;
}

function product(A, B, n) {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const value = A[i * n + k];
      if (value !== 0) for (let j = 0; j < n; j++) out[i * n + j] += value * B[k * n + j];
    }
  }
  return out;
}

// X of K X = R, for a symmetric K without negative eigenvalues, by Cholesky's factors.
export function solved(K, R, n) {
  const L = K.slice();
  let most = 0;
  for (let i = 0; i < n; i++) most = Math.max(most, K[i * n + i]);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = L[i * n + j] + (i === j ? RIDGE * most : 0);
      for (let k = 0; k < j; k++) sum -= L[i * n + k] * L[j * n + k];
      L[i * n + j] = i === j ? Math.sqrt(Math.max(sum, RIDGE * most)) : sum / L[j * n + j];
    }
  }
  const X = R.slice();
  const subtract = (to, from, value) => {
    if (value !== 0) for (let j = 0; j < n; j++) X[to * n + j] -= value * X[from * n + j];
  };
  const divide = (i) => {
    for (let j = 0; j < n; j++) X[i * n + j] /= L[i * n + i];
  };
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) subtract(i, k, L[i * n + k]);
    divide(i);
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) subtract(i, k, L[k * n + i]);
    divide(i);
  }
  return X;
}

// Eigenvalues of a symmetric matrix, the largest first, and eigenvectors, a row each: Householder's tridiagonal form, then
// QL with implicit shifts (EISPACK's tred2 and tql2, Smith et al. 1976). Column j of V is stored as row j of A.
export function eigen(matrix, n) {
  const [A, d, e] = [matrix.slice(), new Float64Array(n), new Float64Array(n)];
  const last = n - 1;
  for (let j = 0; j < n; j++) d[j] = A[j * n + last];
  for (let i = last; i > 0; i--) {
    let [scale, h] = [0, 0];
    for (let k = 0; k < i; k++) scale += Math.abs(d[k]);
    if (scale === 0) {
      e[i] = d[i - 1];
      for (let j = 0; j < i; j++) {
        d[j] = A[j * n + i - 1];
        A[j * n + i] = A[i * n + j] = 0;
      }
    } else {
      for (let k = 0; k < i; k++) h += (d[k] /= scale) ** 2;
      let f = d[i - 1];
      let g = f > 0 ? -Math.sqrt(h) : Math.sqrt(h);
      e[i] = scale * g;
      h -= f * g;
      d[i - 1] = f - g;
      e.fill(0, 0, i);
      for (let j = 0; j < i; j++) {
        f = A[i * n + j] = d[j];
        g = e[j] + A[j * n + j] * f;
        for (let k = j + 1; k < i; k++) {
          g += A[j * n + k] * d[k];
          e[k] += A[j * n + k] * f;
        }
        e[j] = g;
      }
      f = 0;
      for (let j = 0; j < i; j++) f += (e[j] /= h) * d[j];
      for (let j = 0; j < i; j++) e[j] -= (f / (h + h)) * d[j];
      for (let j = 0; j < i; j++) {
        for (let k = j; k < i; k++) A[j * n + k] -= d[j] * e[k] + e[j] * d[k];
        d[j] = A[j * n + i - 1];
        A[j * n + i] = 0;
      }
    }
    d[i] = h;
  }
  for (let i = 0; i < last; i++) {
    A[i * n + last] = A[i * n + i];
    A[i * n + i] = 1;
    const h = d[i + 1];
    const next = A.subarray((i + 1) * n, (i + 1) * n + i + 1);
    if (h !== 0) {
      for (let k = 0; k <= i; k++) d[k] = next[k] / h;
      for (let j = 0; j <= i; j++) {
        let g = 0;
        for (let k = 0; k <= i; k++) g += next[k] * A[j * n + k];
        for (let k = 0; k <= i; k++) A[j * n + k] -= g * d[k];
      }
    }
    next.fill(0);
  }
  for (let j = 0; j < n; j++) [d[j], A[j * n + last]] = [A[j * n + last], 0];
  A[last * n + last] = 1;
  e.copyWithin(0, 1);
  e[last] = 0;
  let [shift, size] = [0, 0];
  for (let l = 0; l < n; l++) {
    size = Math.max(size, Math.abs(d[l]) + Math.abs(e[l]));
    let m = l;
    while (m < last && Math.abs(e[m]) > Number.EPSILON * size) m++;
    while (m > l && Math.abs(e[l]) > Number.EPSILON * size) {
      let [g, p] = [d[l], (d[l + 1] - d[l]) / (2 * e[l])];
      let r = p < 0 ? -Math.hypot(p, 1) : Math.hypot(p, 1);
      d[l] = e[l] / (p + r);
      const ahead = (d[l + 1] = e[l] * (p + r));
      let h = g - d[l];
      for (let i = l + 2; i < n; i++) d[i] -= h;
      shift += h;
      p = d[m];
      let [c, c2, c3, s, s2] = [1, 1, 1, 0, 0];
      const beside = e[l + 1];
      for (let i = m - 1; i >= l; i--) {
        [c3, c2, s2] = [c2, c, s];
        [g, h, r] = [c * e[i], c * p, Math.hypot(p, e[i])];
        e[i + 1] = s * r;
        [s, c] = [e[i] / r, p / r];
        p = c * d[i] - s * g;
        d[i + 1] = h + s * (c * g + s * d[i]);
        const [one, other] = [i * n, (i + 1) * n];
        for (let k = 0; k < n; k++) {
          const value = A[other + k];
          A[other + k] = s * A[one + k] + c * value;
          A[one + k] = c * A[one + k] - s * value;
        }
      }
      p = (-s * s2 * c3 * beside * e[l]) / ahead;
      [e[l], d[l]] = [s * p, c * p];
    }
    d[l] += shift;
    e[l] = 0;
  }
  const order = [...d.keys()].sort((a, b) => d[b] - d[a]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => vectors.set(A.subarray(from * n, (from + 1) * n), to * n));
  return { values: order.map((i) => d[i]), vectors };
}
