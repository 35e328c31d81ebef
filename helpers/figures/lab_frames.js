// Chapter 3: cut a random frame at a share of its largest norm, and see what is lost; then let the group Lasso turn it.
// The frame W (r, k) stands transposed, A (k, r): column i of W is row i of A. The truth has equal eigenvalues.
lab.frames = (() => {
  // F(x) of the χ² law with r degrees of freedom: the series of the incomplete Gamma function
  function chi2(r, x) {
    let term = Math.exp(-x / 2), sum = 0;
    for (let j = r; j > 0; j -= 2) term *= j === 1 ? 2 * Math.sqrt(x / 2 / Math.PI) : x / j;
    for (let n = 1; term > 1e-17 * sum || 2 * n < x; n++) { sum += term; term *= x / (r + 2 * n); }
    return Math.min(sum, 1);
  }
  // the square root of theory.frame_pruning_error: what is lost when the share q of largest columns stays, (3.4)
  function lost(q, r) {
    return q <= 0 ? 1 : q >= 1 ? 0 : chi2(r + 2, lab.zero((x) => chi2(r, x) - (1 - q), 0, 200));
  }
  // theory.count_near_largest at every c of `shares`: k(k − 1) ∫ ψ(y) (1 − Ψ(y))^(k−2) Ψ(cy) dy, (3.1)
  function nearLargest(k, shares, r) {
    const nodes = 200, y = [], weight = [], low = lab.zero((t) => chi2(r, t * t) ** (k - 1) - 1e-9, 0, 12);
    const high = lab.zero((t) => chi2(r, t * t) ** (k - 1) - (1 - 1e-9), 0, 12);
    for (let n = 0; n <= nodes; n++) { // Simpson's rule for the law of the largest of k − 1 norms
      y.push(low + (high - low) * n / nodes);
      const inside = chi2(r, y[n] ** 2), density = chi2(r, y[n] ** 2) - chi2(r + 2, y[n] ** 2); // r f_{r+2} = x f_r
      weight.push((n % nodes ? (n % 2 ? 4 : 2) : 1) * (k - 1) * inside ** (k - 2) * r * density / (y[n] || 1));
    }
    const all = weight.reduce((sum, w) => sum + w, 0);
    return shares.map((c) => k * weight.reduce((sum, w, n) => sum + w * (1 - chi2(r, (c * y[n]) ** 2)), 0) / all);
  }
  // the column norms, longest first, and ‖X_m − M‖/‖M‖ when the first m columns stay, m = 0, …, k
  function measure(A, k, r) {
    const squares = Float64Array.from({ length: k }, (_, i) => A.subarray(i * r, i * r + r).reduce((sum, x) => sum + x * x, 0));
    const order = [...squares.keys()].sort((i, j) => squares[j] - squares[i]), X = new Float64Array(r * r), losses = [1];
    for (let a = 0; a < r; a++) X[a * r + a] = -1;
    for (const i of order) {
      for (let a = 0; a < r; a++) for (let b = 0; b < r; b++) X[a * r + b] += A[i * r + a] * A[i * r + b];
      losses.push(Math.hypot(...X) / Math.sqrt(r));
    }
    return { norms: order.map((i) => Math.sqrt(squares[i])), losses };
  }
  // one step down the group Lasso, and back to the frames: the penalty falls, X stays where it is
  function turn(A, k, r, beta) {
    return lab.orthonormal(A.map((x, at) => {
      const first = at - at % r;
      let square = 0;
      for (let a = first; a < first + r; a++) square += A[a] ** 2;
      return x * (1 - Math.sqrt(beta) / 2 * lab.theory.dh(square, beta));
    }), k, r);
  }
  return { lost, nearLargest, measure, turn };
})();

lab.mount("frames", (fig, p) => {
  let { k, r } = p, cut = 0.5, A, norms, losses, turned, past = [];
  const grid = Array.from({ length: 61 }, (_, i) => i / 60), random = lab.random(p.seed);

  const shares = fig.plot({ x: [0, 1.02], y: [0, 1.02], xlabel: "share of the largest norm", ylabel: "share of columns at least so long" });
  const ghosts = shares.curve({ color: "rule", width: 1.5, label: "frames before" });
  const law = shares.curve({ label: "random frame (3.1)" }), line = shares.curve({ color: "grey", width: 1.2, dash: "4 3" });
  const gone = shares.dots({ color: "grey", size: 3, hollow: true, label: "columns cut off" });
  const stay = shares.dots({ color: "who", size: 3.5, label: "columns kept" });
  const error = fig.plot({ x: [0, 1.02], y: [0, 1.02], xlabel: "share of columns kept", ylabel: "share of the truth that is lost" });
  const formula = error.curve({ label: "wide random frame (3.4)" });
  const stairs = error.curve({ color: "who", width: 1.5, dash: "6 2", label: "this frame" });
  const point = error.dots({ color: "who", size: 6, label: "at this cut" });

  function theory() {
    past = [];
    norms = null;
    law.set(grid, lab.frames.nearLargest(k, grid, r).map((count) => count / k));
    const q = [0, 0.001, 0.004, ...grid.slice(1)];
    formula.set(q, q.map((share) => lab.frames.lost(share, r)));
  }
  function draw() {
    ({ norms, losses } = lab.frames.measure(A, k, r));
    const kept = norms.filter((norm) => norm >= cut * norms[0]).length, length = norms.map((norm) => norm / norms[0]);
    const rank = norms.map((_, i) => (i + 1) / k);
    stay.set(length.slice(0, kept), rank.slice(0, kept));
    gone.set(length.slice(kept), rank.slice(kept));
    line.set([cut, cut], [0, 1.02]);
    stairs.set(losses.map((_, m) => m / k), losses);
    point.set([kept / k], [losses[kept]]);
    const percent = (x) => `${lab.number(Math.round(1000 * x) / 10)} %`;
    fig.say(`Cut at ${lab.number(cut, 2)} of the largest norm: ${kept} of ${k} columns stay and ${percent(losses[kept])} of the truth is lost. `
      + (turned ? "The product of the frame is the same as before." : `Formula (3.4) says ${percent(lab.frames.lost(kept / k, r))}.`));
    return { x: cut, y: kept / k, words: `${lab.number(cut, 2)} of the largest norm, ${kept} column${kept === 1 ? " stays" : "s stay"}` };
  }
  function fresh() {
    fig.stop();
    if (norms && !turned) past = [...past.slice(-20), [NaN, ...norms.map((norm) => norm / norms[0])]];
    ghosts.set(past.flat(), past.flatMap((all) => all.map((_, i) => i / (all.length - 1))));
    turned = false;
    fig.who("orange");
    A = lab.orthonormal(random.normals(k * r), k, r);
    knife.put(draw());
  }
  function turn() { // until r columns have norm one
    turned = true;
    fig.who("blue"); // the colour of the group Lasso
    A = lab.frames.turn(A, k, r, p.c_beta / r);
    return A.reduce((sum, x, at) => at % r ? sum : sum + A.subarray(at, at + r).reduce((s, y) => s + y * y, 0) ** 2, 0) < r - 1e-6;
  }
  const knife = shares.handle({ x: cut, y: 0.5, label: "Cut, as a share of the largest norm", move: (x) => { cut = Math.min(1, x); return draw(); } });
  fig.slider({ label: "Columns k", min: 10, max: 400, log: true, value: k, format: (v) => String(Math.round(v)),
    input: (v) => { k = Math.round(v); theory(); fresh(); } });
  fig.slider({ label: "Rank r", min: 1, max: 8, step: 1, value: r, input: (v) => { r = v; theory(); fresh(); } });
  fig.button({ label: "Another frame", press: fresh });
  fig.button({ label: "Turn it", press: () => fig.run(turn, () => knife.put(draw()), { once: true }) });
  theory();
  fresh();
});
