// Chapter 9: a table with gaps. A pair of factors U (rows, k), V (columns, k) trains on the entries that are seen; the
// pairs become the singular values of X = UVᵀ, and the unseen entries fill up.
lab.factors = (() => {
  // theory.path_smoothing with κ = 1/share
  const smoothing = (strength, share) => (strength * share / lab.theory.thresholdStrength(1)) ** (2 / 3);

  // Gradient descent on (1/q) Σ_seen (X − Y)² + λ Σ h(p), p = (‖u‖² + ‖v‖²)/2, in the joined factor Z = (U; V)/√2 of
  // helpers.factors with the step η: step(count) moves U and V, product() is X, squares() the p.
  function descent(Y, seen, rows, columns, U0, V0, k, penalty, eta) {
    const U = Float64Array.from(U0), V = Float64Array.from(V0), weight = 2 * rows * columns / seen.reduce((sum, x) => sum + x, 0);
    const transposed = (A, m, n) => Float64Array.from({ length: m * n }, (_, at) => A[at % m * n + Math.floor(at / m)]);
    const product = () => lab.times(U, transposed(V, columns, k), rows, k, columns);
    function squares() {
      const p = lab.squares(U, rows, k), q = lab.squares(V, columns, k);
      return p.map((x, i) => (x + q[i]) / 2);
    }
    function step(count = 1) {
      for (; count > 0; count--) {
        const slope = product().map((x, at) => seen[at] ? weight * (x - Y[at]) : 0), p = squares();
        const pull = p.map((x) => penalty ? penalty.strength * penalty.dh(x) : 0);
        const left = lab.times(slope, V, rows, columns, k), right = lab.times(transposed(slope, rows, columns), U, columns, rows, k);
        for (let at = 0; at < U.length; at++) U[at] -= 2 * eta * (left[at] + pull[at % k] * U[at]);
        for (let at = 0; at < V.length; at++) V[at] -= 2 * eta * (right[at] + pull[at % k] * V[at]);
      }
    }
    return { U, V, step, product, squares };
  }
  // the singular values of X (rows, columns), largest first, columns ≤ rows
  function singular(X, rows, columns) {
    const gram = new Float64Array(columns * columns);
    for (let a = 0; a < rows; a++) for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j] += X[a * columns + i] * X[a * columns + j];
    return lab.eigh(gram, columns).values.map((x) => Math.sqrt(Math.max(x, 0)));
  }
  return { smoothing, descent, singular };
})();

lab.mount("factors", (fig, p) => {
  const { rows, columns, r } = p, KINDS = ["group Lasso", "weight decay"], entries = rows * columns;
  let { k, share, strength, seed } = p, kind = KINDS[0], truth, Y, seen, run, penalty, tuned;
  const cells = Array.from({ length: entries }, (_, at) => [at % columns + 0.5, rows - Math.floor(at / columns) - 0.5]);
  const table = fig.plot({ x: [0, columns], y: [0, rows], square: true, xlabel: "", ylabel: "the table", xticks: [], yticks: [],
    label: "The table: squares, on their corners where negative, as large as the entries of X" });
  const up = table.squares({ color: "blue", label: "X, positive" }), down = table.squares({ color: "orange", shape: "diamond", label: "X, negative" });
  const gaps = table.squares({ color: "ink", hollow: true, label: "truth where nothing was seen" });
  const pairs = fig.plot({ x: [0.3, k + 0.7], y: [0, 1.3], height: 300, xlabel: "pair, largest first", ylabel: "p = (‖u‖² + ‖v‖²)/2" });
  const values = pairs.curve({ width: 3, label: "singular values of X" }), border = pairs.curve({ dash: "2 3", color: "grey", label: "threshold 4β" });
  const sizes = pairs.dots({ color: "blue", shape: "triangle", hollow: true, label: "pairs" });

  function plant() {
    const draw = lab.random(seed), left = lab.orthonormal(draw.normals(rows * r), rows, r), right = lab.orthonormal(draw.normals(columns * r), columns, r);
    truth = new Float64Array(entries);
    for (let i = 0; i < r; i++) for (let at = 0; at < entries; at++) truth[at] += (1 - 0.4 * i / r) * left[Math.floor(at / columns) * r + i] * right[at % columns * r + i];
    const noise = draw.normals(entries, p.noise);
    Y = truth.map((x, at) => x + noise[at]);
    hide();
  }
  function hide() { // the same entries stay seen as the share grows
    const draw = lab.random(seed + 1), lots = cells.map(() => draw.uniform()), last = [...lots].sort((a, b) => a - b)[Math.round(share * entries) - 1];
    seen = Float64Array.from(lots, (lot) => lot <= last ? 1 : 0);
    start();
  }
  function start() {
    const draw = lab.random(seed + 2), beta = lab.factors.smoothing(strength, share);
    penalty = kind === KINDS[0] ? lab.groupLasso(strength, beta) : lab.weightDecay(strength / 2);
    const cut = 4 * beta, eta = 0.5 / (6 / share + penalty.strength * penalty.bend);
    run = lab.factors.descent(Y, seen, rows, columns, draw.normals(rows * k, 0.1), draw.normals(columns * k, 0.1), k, penalty, eta);
    tuned = null;
    border.set([0.3, k + 0.7], [cut, cut]);
    let pace = 4; // steps a frame: slow at first, where much happens
    fig.run(() => {
      const before = Float64Array.from(run.U);
      run.step(pace = Math.min(120, pace + 1));
      return run.U.some((x, at) => Math.abs(x - before[at]) > 6e-6 * pace);
    }, redraw, { once: true, done: () => finish(cut, eta) });
    redraw();
  }
  function finish(cut, eta) { // prune and fine-tune; then the table shows the result
    const p = run.squares(), kept = [...p.keys()].filter((i) => p[i] > cut), m = kept.length;
    const some = (A, n) => Float64Array.from({ length: n * m }, (_, at) => A[Math.floor(at / m) * k + kept[at % m]]);
    const narrow = lab.factors.descent(Y, seen, rows, columns, some(run.U, rows), some(run.V, columns), m, null, eta);
    let steps = 0;
    fig.run(() => { narrow.step(20); return ++steps < 60; }, null, { done: () => { tuned = { X: narrow.product(), m }; redraw(); } });
  }
  const miss = (X) => {
    const unseen = cells.map((_, at) => at).filter((at) => !seen[at]), sum = (f) => unseen.reduce((all, at) => all + f(at), 0);
    return unseen.length ? Math.sqrt(sum((at) => (X[at] - truth[at]) ** 2) / sum((at) => truth[at] ** 2)) : 0;
  };
  function redraw() {
    const X = run.product(), shown = tuned ? tuned.X : X, side = (x) => Math.sign(x) * Math.min(1.15, 0.42 * Math.sqrt(Math.abs(x) * Math.sqrt(entries / r)));
    const put = (squares, which, A) => {
      const places = cells.map((_, at) => at).filter(which);
      squares.set(places.map((at) => cells[at][0]), places.map((at) => cells[at][1]), places.map((at) => side(A[at])));
    };
    put(up, (at) => shown[at] > 0, shown);
    put(down, (at) => shown[at] < 0, shown);
    put(gaps, (at) => !seen[at], truth);
    const sorted = [...run.squares()].sort((a, b) => b - a), spectrum = lab.factors.singular(X, rows, columns);
    sizes.set(sorted.map((_, i) => i + 1), sorted);
    values.set(sorted.flatMap((_, i) => [i + 0.65, i + 1.35, NaN]), sorted.flatMap((_, i) => [spectrum[i] ?? 0, spectrum[i] ?? 0, NaN]));
    const percent = (x) => `${lab.number(100 * x, 2)} %`;
    fig.say(`${tuned ? `${tuned.m} of ${k} pairs were kept and fine-tuned` : "Training"}: the error on the entries that are not seen is `
      + `${percent(miss(shown))} of their size${tuned ? `, before pruning ${percent(miss(X))}` : ""}. The truth has rank ${r}.`);
  }
  fig.slider({ label: "Share seen", min: 0.2, max: 1, step: 0.01, value: share, input: (v) => { share = v; hide(); } });
  fig.slider({ label: "Strength λ", min: 0.01, max: 1, log: true, value: strength, input: (v) => { strength = v; start(); } });
  fig.choice({ label: "Penalty", options: KINDS, value: kind, input: (v) => { kind = v; start(); } });
  fig.button({ label: "Another table", press: () => { seed += 10; plant(); } });
  plant();
});
