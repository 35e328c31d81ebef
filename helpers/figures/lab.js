// The core of the live figures: the helpers' formulas on Float64Array, and a small kit of plots and controls.
// A matrix stands row by row, as in torch: entry (a, i) of U (d, k) is U[a * k + i]. No library, no network.
const lab = (() => {
  "use strict";

  // --- random numbers and matrices ---------------------------------------------------------------------------------

  // uniform(), normal() and normals(count, scale) from a seed; one seed gives one sequence
  function random(seed) {
    let state = (seed + 1) * 0x9e3779b9 | 0;
    function uniform() { // mulberry32
      state = state + 0x6d2b79f5 | 0;
      let t = Math.imul(state ^ state >>> 15, 1 | state);
      t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
      return ((t ^ t >>> 14) >>> 0) / 4294967296;
    }
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal, normals: (count, scale = 1) => Float64Array.from({ length: count }, () => scale * normal()) };
  }

  // A (rows, inner) times B (inner, columns)
  function times(A, B, rows, inner, columns) {
    const out = new Float64Array(rows * columns);
    for (let a = 0; a < rows; a++) for (let c = 0; c < inner; c++) {
      const x = A[a * inner + c];
      for (let b = 0; b < columns; b++) out[a * columns + b] += x * B[c * columns + b];
    }
    return out;
  }

  // UUᵀ − M (M may be left out) for U (d, k), into out (d, d)
  function outer(U, d, k, M, out = new Float64Array(d * d)) {
    for (let a = 0; a < d; a++) for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += U[a * k + i] * U[b * k + i];
      out[a * d + b] = out[b * d + a] = M ? sum - M[a * d + b] : sum;
    }
    return out;
  }

  // orthonormal columns that span those of A (d, r): Gram-Schmidt, each column twice
  function orthonormal(A, d, r) {
    const Q = Float64Array.from(A);
    for (let j = 0; j < r; j++) {
      for (let pass = 0; pass < 2; pass++) for (let i = 0; i < j; i++) {
        let dot = 0;
        for (let a = 0; a < d; a++) dot += Q[a * r + i] * Q[a * r + j];
        for (let a = 0; a < d; a++) Q[a * r + j] -= dot * Q[a * r + i];
      }
      let size = 0;
      for (let a = 0; a < d; a++) size += Q[a * r + j] ** 2;
      for (let a = 0; a < d; a++) Q[a * r + j] /= Math.sqrt(size);
    }
    return Q;
  }

  // eigenvalues of a symmetric A (d, d), largest first, and its eigenvectors as the columns of V: Jacobi's rotations
  function eigh(A, d) {
    const B = Float64Array.from(A), V = new Float64Array(d * d);
    for (let a = 0; a < d; a++) V[a * d + a] = 1;
    for (let sweep = 0; sweep < 30; sweep++) {
      let off = 0, all = 0;
      for (let a = 0; a < d; a++) for (let b = 0; b < d; b++) {
        all += B[a * d + b] ** 2;
        if (a !== b) off += B[a * d + b] ** 2;
      }
      if (off <= 1e-30 * all) break;
      for (let a = 0; a < d; a++) for (let b = a + 1; b < d; b++) {
        if (!B[a * d + b]) continue;
        const tau = (B[b * d + b] - B[a * d + a]) / (2 * B[a * d + b]);
        const t = (tau < 0 ? -1 : 1) / (Math.abs(tau) + Math.hypot(1, tau)), c = 1 / Math.hypot(1, t), s = t * c;
        const turn = (W, p, q) => { const x = W[p], y = W[q]; W[p] = c * x - s * y; W[q] = s * x + c * y; };
        for (let i = 0; i < d; i++) turn(B, i * d + a, i * d + b);
        for (let i = 0; i < d; i++) turn(B, a * d + i, b * d + i);
        for (let i = 0; i < d; i++) turn(V, i * d + a, i * d + b);
      }
    }
    const order = [...Array(d).keys()].sort((i, j) => B[j * d + j] - B[i * d + i]);
    return { values: order.map((i) => B[i * d + i]), V: V.map((_, at) => V[at - at % d + order[at % d]]) };
  }

  // --- the losses of helpers.problems: f(X) = ½⟨Δ, f''Δ⟩ − ⟨N, Δ⟩ + c with Δ = X − M --------------------------------

  // the expectation of a loss; Ustar (d, r)
  function population(Ustar, d, r, ensemble = "gaussian") {
    function curvature(E, out) {
      let trace = 0;
      for (let a = 0; a < d; a++) trace += E[a * d + a];
      const rankOne = ensemble === "rank-one", scale = rankOne ? 4 : 2;
      for (let at = 0; at < d * d; at++) out[at] = scale * E[at] + (rankOne && at % (d + 1) === 0 ? 2 * trace : 0);
    }
    return { Ustar, d, r, ensemble, M: outer(Ustar, d, r), curvature, N: new Float64Array(d * d), floor: 0 };
  }

  // the upper triangle of a symmetric E (d, d), row by row, off the diagonal times √2
  function svec(E, d, out = new Float64Array(d * (d + 1) / 2)) {
    for (let a = 0, at = 0; a < d; a++) for (let b = a; b < d; b++) out[at++] = E[a * d + b] * (a === b ? 1 : Math.SQRT2);
    return out;
  }

  function smat(x, d, out = new Float64Array(d * d)) {
    for (let a = 0, at = 0; a < d; a++) for (let b = a; b < d; b++, at++) {
      out[a * d + b] = out[b * d + a] = x[at] * (a === b ? 1 : Math.SQRT1_2);
    }
    return out;
  }

  // a problem made of data: design (n, d(d+1)/2), rows svec(A), for "gaussian"; (n, d), rows x, for "rank-one"; w (n)
  function empirical(Ustar, d, r, design, w, ensemble = "gaussian") {
    const problem = population(Ustar, d, r, ensemble), n = w.length, q = d * (d + 1) / 2;
    const gram = new Float64Array(q * q), e = new Float64Array(q), bent = new Float64Array(q), noise = new Float64Array(q);
    for (let m = 0; m < n; m++) {
      const row = ensemble === "gaussian" ? design.subarray(m * q, (m + 1) * q)
        : svec(outer(design.subarray(m * d, (m + 1) * d), d, 1), d);
      for (let i = 0; i < q; i++) {
        const x = row[i] / n;
        noise[i] += 2 * w[m] * x;
        for (let j = 0; j <= i; j++) gram[i * q + j] += x * row[j];
      }
    }
    for (let i = 0; i < q; i++) for (let j = 0; j < i; j++) gram[j * q + i] = gram[i * q + j];
    function curvature(E, out) {
      svec(E, d, e);
      for (let i = 0; i < q; i++) {
        let sum = 0;
        for (let j = 0; j < q; j++) sum += gram[i * q + j] * e[j];
        bent[i] = 2 * sum;
      }
      smat(bent, d, out);
    }
    return Object.assign(problem, { n, curvature, N: smat(noise, d), floor: w.reduce((sum, x) => sum + x * x, 0) / n });
  }

  // n measurements of UstarUstarᵀ with noise of standard deviation `noise`
  function sample(Ustar, d, r, n, { noise = 0, ensemble = "gaussian", seed = 0 } = {}) {
    const draw = random(seed), design = draw.normals(n * (ensemble === "gaussian" ? d * (d + 1) / 2 : d));
    return empirical(Ustar, d, r, design, draw.normals(n, noise), ensemble);
  }

  // --- penalties, training, pruning --------------------------------------------------------------------------------

  const groupLasso = (strength, beta) => ({
    strength, smoothing: beta, h: (x) => x / Math.sqrt(x + beta), dh: (x) => theory.dh(x, beta), bend: 1 / Math.sqrt(beta),
    threshold: 2 * Math.sqrt(beta),
  });
  const columnPower = (strength, q, beta) => ({
    strength, h: (x) => x * (x + beta) ** (q / 2 - 1), dh: (x) => (q / 2 * x + beta) * (x + beta) ** (q / 2 - 2),
    bend: beta ** (q / 2 - 1),
  });
  const weightDecay = (strength) => ({ strength, h: (x) => x, dh: () => 1, bend: 1 });

  // ‖A‖_F; Math.hypot(...A) is many times slower
  const size = (A) => Math.sqrt(A.reduce((sum, x) => sum + x * x, 0));

  // ‖u_i‖² for U (d, k)
  function squares(U, d, k, out = new Float64Array(k)) {
    out.fill(0);
    for (let a = 0; a < d; a++) for (let i = 0; i < k; i++) out[i] += U[a * k + i] ** 2;
    return out;
  }

  // Gradient descent on f(UUᵀ) + penalty from a copy of U (d, k): step(count) moves `U` and counts `steps`;
  // norms() are the ‖u_i‖, loss() is f, error() is ‖UUᵀ − M‖_F.
  function descent(problem, U0, k, penalty, eta) {
    const { d, M, N } = problem, U = Float64Array.from(U0);
    const delta = new Float64Array(d * d), bent = new Float64Array(d * d), p = new Float64Array(k), row = new Float64Array(k);
    const fresh = new Float64Array(d * k), pull = new Float64Array(k);
    const run = { U, k, steps: 0, penalty };
    run.step = (count = 1) => {
      for (; count > 0; count--, run.steps++) {
        problem.curvature(outer(U, d, k, M, delta), bent);
        squares(U, d, k, p);
        for (let i = 0; i < k; i++) pull[i] = run.penalty ? 2 * run.penalty.strength * run.penalty.dh(p[i]) : 0;
        for (let a = 0; a < d; a++) {
          for (let i = 0; i < k; i++) row[i] = pull[i] * U[a * k + i];
          for (let b = 0; b < d; b++) {
            const slope = 2 * (bent[a * d + b] - N[a * d + b]);
            for (let i = 0; i < k; i++) row[i] += slope * U[b * k + i];
          }
          for (let i = 0; i < k; i++) fresh[a * k + i] = U[a * k + i] - eta * row[i];
        }
        U.set(fresh);
      }
      return run;
    };
    run.norms = () => squares(U, d, k).map(Math.sqrt);
    run.error = () => size(outer(U, d, k, M, delta));
    run.loss = () => {
      problem.curvature(outer(U, d, k, M, delta), bent);
      return delta.reduce((sum, x, at) => sum + x * (bent[at] / 2 - N[at]), problem.floor);
    };
    return run;
  }

  // 1/L, as training.safe_step: L from power iterations at U (d, k) and at the truth, plus the penalty's at zero
  function safeStep(problem, U, k, penalty) {
    const { d, r, M, N, Ustar } = problem;
    function top(A, m) {
      const bent = new Float64Array(d * d), slope = new Float64Array(d * d);
      problem.curvature(outer(A, d, m, M), slope);
      let V = random(0).normals(d * m), long = size(V);
      for (let i = 0; i < 20; i++) {
        V = V.map((x) => x / long);
        const cross = new Float64Array(d * d);
        for (let a = 0; a < d; a++) for (let b = 0; b < d; b++) for (let j = 0; j < m; j++) {
          cross[a * d + b] += A[a * m + j] * V[b * m + j] + V[a * m + j] * A[b * m + j];
        }
        problem.curvature(cross, bent);
        const first = times(slope.map((x, at) => x - N[at]), V, d, d, m), second = times(bent, A, d, d, m);
        V = first.map((x, at) => 2 * (x + second[at]));
        long = size(V);
      }
      return long;
    }
    return 1 / (Math.max(top(U, k), top(Ustar, r)) + (penalty ? 2 * penalty.strength * penalty.bend : 0));
  }

  // the largest ‖𝒜(vvᵀ)‖²/n over unit v that a search from `starts` random v finds, as isometry.extreme_ratio(problem, 1):
  // v becomes the top eigenvector of 𝒜*𝒜(vvᵀ)/n, again and again
  function largestCurvature(problem, starts) {
    const { d } = problem, draw = random(0), bent = new Float64Array(d * d);
    let most = 0;
    for (; starts > 0; starts--) {
      let v = orthonormal(draw.normals(d), d, 1);
      for (let i = 0; i < 15; i++) {
        problem.curvature(outer(v, d, 1), bent);
        v = eigh(bent, d).V.filter((_, at) => at % d === 0);
      }
      problem.curvature(outer(v, d, 1), bent);
      most = Math.max(most, times(times(bent, v, d, d, 1), v, 1, d, 1)[0] / 2);
    }
    return most;
  }

  // U (d, k) without its columns of norm at most `threshold`: { U, k }
  function prune(U, d, k, threshold) {
    const p = squares(U, d, k), kept = [...p.keys()].filter((i) => Math.sqrt(p[i]) > threshold), m = kept.length;
    return { U: Float64Array.from({ length: d * m }, (_, at) => U[Math.floor(at / m) * k + kept[at % m]]), k: m };
  }

  // --- closed forms of helpers.theory, for the group Lasso with strength λ and smoothing β ---------------------------

  // the zero in [low, high] of a function that is negative before it, by halving
  function zero(f, low, high) {
    for (let i = 0; i < 100; i++) {
      const middle = (low + high) / 2;
      if (f(middle) < 0) low = middle; else high = middle;
    }
    return (low + high) / 2;
  }

  const theory = {
    dh: (x, beta) => (x + 2 * beta) / (2 * (x + beta) ** 1.5),
    g: (p, strength, beta) => p + strength / 2 * theory.dh(p, beta),
    psi: (x, mu, strength, beta) => (x - mu) ** 2 + strength * x / Math.sqrt(x + beta),
    bendingPoint: (ratio, beta) => ratio <= 2 * beta ** 1.5 ? 0
      : zero((x) => 8 * (x + beta) ** 2.5 - ratio * (x + 4 * beta), 0, (ratio / 4) ** (2 / 3)),
    gMin: (strength, beta) => theory.g(theory.bendingPoint(strength, beta), strength, beta),
    gapEdge: (strength, kappa, beta) => Math.sqrt(theory.bendingPoint(strength / kappa, beta)),
    thresholdStrength: (beta, kappa = 1) => 5 ** 2.5 * kappa * beta ** 1.5,
    curvatureBound: (d, n) => (1 + Math.sqrt(2 * d / n) + Math.sqrt(2 * Math.log(20) / n)) ** 2, // "gaussian", 0.95
    oracleError: (d, r, n, noise) => { // √ of theory.cramer_rao(..., finite_n=True)
      const q = r * d - r * (r - 1) / 2;
      return noise * Math.sqrt(q / (n - q - 1));
    },
    criticalStrength: (mu, beta) => 2 * Math.sqrt(beta) * mu,
    globalStrength: (mu, beta) => mu > beta ? 2 * ((2 * mu + beta) / 3) ** 1.5 : theory.criticalStrength(mu, beta),
    foldStrength: (mu, beta) => {
      if (mu <= beta) return theory.criticalStrength(mu, beta);
      const p = Math.max(mu - 10 * beta + Math.sqrt((mu + 2 * beta) * (mu + 26 * beta)), 0) / 6;
      return 4 * (mu - p) * (p + beta) ** 1.5 / (p + 2 * beta);
    },
    // which minima ψ_μ has, 0 to 3 as in theory.PHASES
    phase: (mu, strength, beta) => strength >= theory.foldStrength(mu, beta) ? 3
      : strength <= theory.criticalStrength(mu, beta) ? 0 : strength >= theory.globalStrength(mu, beta) ? 2 : 1,
    // the smaller root of g(p) = μ, between the minima of phases 1 and 2
    smallerRoot: (mu, strength, beta) => zero((p) => mu - theory.g(p, strength, beta), 0, theory.bendingPoint(strength, beta)),
    shrunkEigenvalue: (mu, strength, beta) => {
      if (mu <= 0 || strength >= theory.foldStrength(mu, beta)) return 0;
      const least = theory.bendingPoint(strength, beta);
      return zero((p) => theory.g(p, strength, beta) - mu, least, Math.max(mu, least));
    },
  };

  return {
    random, times, outer, orthonormal, eigh, population, empirical, sample, svec, smat, groupLasso, columnPower, weightDecay, squares,
    descent, safeStep, largestCurvature, prune, zero, theory,
  };
})();
