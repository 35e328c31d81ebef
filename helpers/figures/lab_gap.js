// Chapter 4: the gap under the hand. A run on the expected loss (κ = 1), from close to a truth with eigenvalues 1 and μ₂.
// p: d, smoothing. Norms are in units of √β.
lab.gap = { bend: (x) => (x * x + 4) / (4 * (x * x + 1) ** 2.5) }; // |h″| at a column of norm x, in units of β

lab.mount("gap", (fig, p) => {
  const { d, smoothing: beta } = p, { theory: t } = lab, unit = Math.sqrt(beta), LEVELS = [0.006, 0.9], LARGEST = 1.1 / unit;
  const lines = fig.plot({ x: [0, LARGEST], y: [1e-3, 2], log: "y", height: 300, xlabel: "column norm / √β", ylabel: "β√β times |h″|, and times the level 2κ/λ", label: "Where a column can be" });
  const ends = fig.plot({ x: [0, 1], y: [0, LARGEST], height: 300, xlabel: "weak eigenvalue μ₂", ylabel: "norm of its column / √β", label: "The weak column against its eigenvalue" });
  const { bend } = lab.gap, xs = Array.from({ length: 121 }, (_, i) => i / 120 * LARGEST);
  const no = lines.band({ label: "no column here" }), nor = ends.band();
  lines.curve({ label: "theory" }).set(xs, xs.map(bend));
  const cut = lines.curve({ dash: "7 4", width: 1.5, label: "threshold 2√β" }), cuts = ends.curve({ dash: "7 4", width: 1.5 });
  const high = lines.curve({ color: "quiet", width: 1.2, label: "level" }), law = ends.curve();
  const seen = ends.dots({ color: "sky", hollow: true, size: 4, label: "ends of runs" });
  const looks = [{ color: "blue", shape: "triangle", size: 6, label: "columns" }, { color: "grey", size: 5, label: "zero" }];
  const [some, none] = looks.map((look) => lines.dots(look)), weak = ends.dots({ color: "blue", shape: "triangle", size: 6 });
  cut.set([2, 2], lines.range.y);
  cuts.set([0, 1], [2, 2]);
  let level = 0.035, mu = 0.5, trail = [], run, strength;

  // from the truth's own columns and small ones beside them, until nothing moves
  function start() {
    const random = lab.random(5), frame = lab.orthonormal(random.normals(d * 2), d, 2), lasso = lab.groupLasso(strength, beta);
    const truth = frame.map((x, at) => at % 2 ? x * Math.sqrt(mu) : x), U = random.normals(d * d, 0.02);
    for (let a = 0; a < d; a++) for (let i = 0; i < 2; i++) U[a * d + i] += truth[a * 2 + i];
    run = lab.descent(lab.population(truth, d, 2), U, d, lasso, 0.5 / (8 + 2 * strength / unit));
    let before = 0;
    fig.run(() => {
      const count = Math.max(2, Math.round(run.steps / 25));
      run.step(count);
      const size = run.norms().reduce((sum, x) => sum + x, 0), still = Math.abs(size - before) < 1e-7 * count;
      before = size;
      return !still && run.steps < 40000;
    }, draw, { once: true, done: () => { trail.push([mu, run.norms()[1] / unit]); draw(); } });
    draw();
  }

  function draw() {
    const norms = [...run.norms()].map((x) => x / unit), alive = norms.map((x) => x > 1e-2), edge = t.gapEdge(strength, 1, beta) / unit;
    no.set([0, edge], [1e-3, 1e-3], [2, 2]);
    nor.set([0, 1], [0, 0], [edge, edge]);
    high.set([0, LARGEST], [level, level]);
    const least = t.gMin(strength, beta), mus = Array.from({ length: 90 }, (_, i) => least + (1 - least) * (i / 89) ** 2);
    if (least < 1) law.set(mus, mus.map((m) => Math.sqrt(t.shrunkEigenvalue(m, strength, beta)) / unit)); else law.clear();
    some.set(norms.filter((_, i) => alive[i]), norms.filter((_, i) => alive[i]).map(bend));
    none.set([0], [alive.every(Boolean) ? NaN : bend(0)]);
    weak.set([mu], [norms[1]]);
    seen.set(trail.map((x) => x[0]), trail.map((x) => x[1]));
    const fate = alive[1] ? `the weak column has norm ${lab.number(norms[1])}, predicted ${lab.number(Math.sqrt(t.shrunkEigenvalue(mu, strength, beta)) / unit)}` : `the weak column is zero: ${mu < least ? `its eigenvalue is below ${lab.number(least)}, from which a column can live` : "it started too short"}`;
    fig.say(`λ = ${lab.number(strength)}, μ₂ = ${lab.number(mu)}. No column can end between 0 and ${lab.number(edge)}; the threshold 2 lies ${edge > 2 ? "in that gap" : "outside of it"}. After ${run.steps} steps ${fate}. Nonzero columns: ${alive.filter(Boolean).length} of ${d}.`);
  }

  const [low, top] = LEVELS.map(Math.log);
  function strengthen(to) {
    level = Math.exp(Math.min(top, Math.max(low, Math.log(to))));
    const next = 2 * beta ** 1.5 / level;
    if (next !== strength) { strength = next; trail = []; start(); }
    sliders[0].value = strength;
    return { x: t.gapEdge(strength, 1, beta) / unit, y: level, words: `λ ${lab.number(strength)}, gap up to ${lab.number(t.gapEdge(strength, 1, beta) / unit)}` };
  }
  function weaken(to) {
    const next = Math.min(1, Math.max(0.02, Math.round(200 * to) / 200)); // as the slider has it
    if (next !== mu) { mu = next; start(); }
    sliders[1].value = mu;
    return { x: mu, y: 0, words: `μ₂ ${lab.number(mu)}` };
  }
  const sliders = [
    fig.slider({ label: "strength λ", min: 2 * beta ** 1.5 / LEVELS[1], max: 2 * beta ** 1.5 / LEVELS[0], log: true, value: 0.3, input: (v) => hand.put(strengthen(2 * beta ** 1.5 / v)) }),
    fig.slider({ label: "weak eigenvalue μ₂", min: 0.02, max: 1, step: 0.005, value: mu, input: (v) => foot.put(weaken(v)) }),
  ];
  const hand = lines.handle({ x: 1, y: level, label: "level, which falls as the strength grows", move: (_, y) => strengthen(y), nudge: (dx, dy) => strengthen(level * 1.1 ** (dy - dx)) });
  const foot = ends.handle({ x: mu, y: 0, label: "μ₂, the eigenvalue of the weak column", move: (x) => weaken(x), nudge: (dx, dy) => weaken(mu + 0.02 * (dx + dy)) });
  hand.put(strengthen(level));
  foot.put(weaken(mu));
});
