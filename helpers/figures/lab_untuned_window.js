// Chapter 8: a point in the working window, and what a run there ends with: the gap, the threshold and the norms.
// p: d, r, n, noise; c_beta, c_lambda of the page; map, the ends [low, high] of the scales. M has r eigenvalues 1, and k = d.
lab.mount("untuned_window", (fig, p) => {
  const { d, r } = p, { theory: t } = lab, now = { n: p.n, noise: p.noise, beta: p.c_beta, lambda: p.c_lambda };
  const map = fig.plot({ x: p.map.c_beta, y: p.map.c_lambda, log: "xy", height: 300, xlabel: "smoothing c_β", ylabel: "strength c_λ", label: "The working window" });
  const norms = fig.plot({ x: [0.4, d + 0.6], y: [0, 1.25], height: 300, xlabel: "column, largest first", ylabel: "norm ‖uᵢ‖", label: "Column norms at the end of a run", xticks: Array.from({ length: d }, (_, i) => i + 1).filter((i) => d < 10 || i % 2) });
  const open = map.band({ color: "safe", label: "window" }), high = map.curve({ label: "too strong above" });
  const low = map.curve({ dash: "7 4", label: "too smooth to the right" }), edge = map.curve({ dash: "2 4", width: 2.5, label: "too noisy below" });
  const MARKS = { right: ["blue", "triangle", "right count"], cut: ["blue", "circle", "right count, some cut"], wrong: ["orange", "cross", "wrong count"] };
  const marks = Object.fromEntries(Object.entries(MARKS).map(([name, [color, shape, label]]) => [name, map.dots({ color, shape, label, hollow: name === "cut", size: 4 })]));
  const band = norms.band({ label: "no column here" }), goal = norms.curve({ width: 1.5, label: "predicted, many answers" });
  const cut = norms.curve({ dash: "7 4", width: 1.5, label: "threshold 2√β" });
  const kept = norms.dots({ color: "blue", shape: "triangle", size: 5 }), rest = norms.dots({ color: "grey", size: 4 });
  const [b0, b1] = map.range.x, fine = Array.from({ length: 90 }, (_, i) => b0 * (b1 / b0) ** (i / 89));

  const q = d * (d + 1) / 2, most = Math.max(2000, p.n), rows = lab.random(8), design = new Float64Array(most * q);
  let drawn = 0;
  let problem, start, kappa, nu, seen = [];
  // the data; κ by a search like isometry.extreme_ratio's, ν = ‖𝒜*w‖/n
  function measure() {
    const draw = lab.random(7), truth = lab.orthonormal(draw.normals(d * r), d, r);
    start = draw.normals(d * d, 0.1 / Math.sqrt(d));
    for (; drawn < now.n * q; drawn++) design[drawn] = rows.normal();
    problem = lab.empirical(truth, d, r, design.subarray(0, now.n * q), lab.random(9).normals(now.n, now.noise));
    nu = Math.max(...lab.eigh(problem.N, d).values.map(Math.abs)) / 2;
    kappa = lab.largestCurvature(problem, 3);
    seen = [];
    const natural = (f) => (beta) => f(beta / r) * Math.sqrt(r);
    const tops = fine.map(natural((beta) => t.criticalStrength(1, beta))), floors = fine.map(natural((beta) => t.thresholdStrength(beta, kappa)));
    const loud = fine.map(natural((beta) => t.foldStrength(Math.max(nu, 1e-9), beta)));
    high.set(fine, tops); low.set(fine, floors); edge.set(fine, loud);
    const floor = fine.map((_, i) => Math.max(floors[i], loud[i])), inside = fine.map((_, i) => i).filter((i) => floor[i] < tops[i]);
    open.set(inside.map((i) => fine[i]), inside.map((i) => floor[i]), inside.map((i) => tops[i]));
  }

  const penaltyAt = ({ beta, lambda }) => lab.groupLasso(lambda / Math.sqrt(r), beta / r);
  function begin(at) {
    const lasso = penaltyAt(at), run = lab.descent(problem, start, d, lasso, 1 / (5 * kappa + 2 * nu + 2 * lasso.strength * lasso.bend));
    return Object.assign(run, { before: 0, at: { ...at } });
  }
  // a hundred steps; false once nothing moves
  function go(run) {
    run.step(100);
    const size = run.norms().reduce((sum, x) => sum + x * x * x, 0), still = Math.abs(size - run.before) < 1e-7;
    run.before = size;
    return !still && run.steps < 15000;
  }
  function note(run) {
    const all = [...run.norms()], alive = all.filter((x) => x > 1e-3), large = all.filter((x) => x > run.penalty.threshold);
    const kind = large.length !== r ? "wrong" : alive.length > r ? "cut" : "right";
    seen.push([run.at.beta, run.at.lambda, kind]);
    for (const name of Object.keys(MARKS)) {
      const mine = seen.filter((x) => x[2] === name);
      marks[name].set(mine.map((x) => x[0]), mine.map((x) => x[1]));
    }
  }

  let run, changed = false;
  function draw() {
    const lasso = penaltyAt(now), gap = t.gapEdge(lasso.strength, kappa, lasso.smoothing), ends = [0.4, d + 0.6];
    const wanted = Math.sqrt(t.shrunkEigenvalue(1, lasso.strength, lasso.smoothing)), sorted = [...run.norms()].sort((x, y) => y - x);
    band.set(ends, [0, 0], [gap, gap]);
    cut.set(ends, [lasso.threshold, lasso.threshold]);
    if (wanted) goal.set([0.6, r + 0.4], [wanted, wanted]); else goal.clear();
    const place = sorted.map((_, i) => i + 1), large = sorted.map((x) => x > lasso.threshold ? x : NaN);
    kept.set(place, large);
    rest.set(place, sorted.map((x) => x > lasso.threshold ? NaN : x));
    const faults = [
      [lasso.strength >= t.criticalStrength(1, lasso.smoothing), "too strong to promise every direction"],
      [lasso.strength <= t.thresholdStrength(lasso.smoothing, kappa), "too smooth: the threshold may lie above the gap"],
      [lasso.strength <= t.foldStrength(Math.max(nu, 1e-9), lasso.smoothing), "too weak for this noise"],
    ].filter(([is]) => is).map(([, what]) => what);
    const alive = sorted.filter((x) => x > 1e-3).length, count = large.filter(Number.isFinite).length;
    fig.say(`${faults.length ? faults.join("; ") : "Inside the window"}. After ${run.steps} steps ${count} columns above the threshold ${lab.number(lasso.threshold)}, ${alive} not zero; M has rank ${r}. No column below ${lab.number(gap)} can stay. κ = ${lab.number(kappa)}, ν = ${lab.number(nu, 2)}.`.replace(/^t/, "T"));
  }

  function restart() {
    changed = false;
    run = begin(now);
    fig.run(() => go(run), draw, { done: () => { note(run); if (changed) restart(); } });
  }
  let filling = false;
  function move() {
    if (filling || !fig.busy()) { filling = false; restart(); } else { changed = true; draw(); }
    return { x: now.beta, y: now.lambda, words: `c β ${lab.number(now.beta)}, c λ ${lab.number(now.lambda)}` };
  }
  const hand = map.handle({ x: now.beta, y: now.lambda, label: "smoothing and strength", move: (x, y) => {
    Object.assign(now, { beta: x, lambda: y });
    [sliders[0].value, sliders[1].value] = [x, y];
    return move();
  } });
  const data = (name) => (value) => { now[name] = value; fig.stop(); measure(); Object.values(marks).forEach((mark) => mark.clear()); move(); };
  const sliders = [
    fig.slider({ label: "smoothing c_β", min: b0, max: b1, log: true, value: now.beta, input: (v) => { now.beta = v; hand.put(move()); } }),
    fig.slider({ label: "strength c_λ", min: map.range.y[0], max: map.range.y[1], log: true, value: now.lambda, input: (v) => { now.lambda = v; hand.put(move()); } }),
    fig.slider({ label: "noise s", min: 0, max: 3, step: 0.1, value: now.noise, input: data("noise") }),
    fig.slider({ label: "answers n", min: 5 * d, max: most, log: true, format: (v) => String(Math.round(v)), value: now.n, input: (v) => data("n")(Math.round(v)) }),
  ];
  // runs on a grid of scales, one after the other
  fig.button({ label: "Fill the map", press: () => {
    const grid = [0.08, 0.29, 0.5, 0.71, 0.92].flatMap((x) => [0.08, 0.29, 0.5, 0.71, 0.92].map((y) => ({ beta: map.toX(x * map.size[0]), lambda: map.toY(y * map.size[1]) })));
    filling = true;
    run = begin(grid.shift());
    fig.run(() => {
      if (go(run)) return true;
      note(run);
      if (grid.length) run = begin(grid.shift());
      return run.before === 0;
    }, null, { done: () => { filling = false; restart(); } });
  } });
  measure();
  hand.put(move());
});
