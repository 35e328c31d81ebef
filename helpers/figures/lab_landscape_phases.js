// Chapter 2: a point in the phase diagram, and what the objective of one eigenvalue (μ = 1) looks like there.
// p: beta (B), strength (S), the codes (B, S) measured on their grid, phases (the names of the four).
lab.mount("landscape_phases", (fig, p) => {
  const { theory: t } = lab, LOOKS = [["blue", "circle"], ["sky", "square"], ["amber", "diamond"], ["orange", "triangle"]];
  const span = (values, room) => [Math.min(...values) / room, Math.max(...values) * room];
  const map = fig.plot({ x: [Math.min(...p.beta) / 4, Math.max(...p.beta) * 1.2], y: span(p.strength, 1.2), log: "xy", height: 300, xlabel: "smoothing β, at μ = 1", ylabel: "strength λ, at μ = 1", label: "Phase diagram" });
  const cost = fig.plot({ x: [0, 1.3], y: [-1, 1], height: 300, xlabel: "x, a squared norm", ylabel: "ψ(x) − μ²", label: "What a squared norm costs beside not having the direction" });
  LOOKS.forEach(([color, shape], code) => {
    const mine = p.codes.flatMap((row, i) => row.flatMap((c, j) => c === code ? [[p.beta[i], p.strength[j]]] : []));
    map.dots({ color, shape, size: 2.5, label: `${p.phases[code]}` }).set(mine.map((x) => x[0]), mine.map((x) => x[1]));
  });
  const left = Math.min(...p.beta) / 1.2, fine = Array.from({ length: 80 }, (_, i) => left * (map.range.x[1] / left) ** (i / 79));
  for (const [name, border] of [["λ_0", t.criticalStrength], ["λ_glob", t.globalStrength], ["λ_fold", t.foldStrength]]) {
    map.curve().set(fine, fine.map((beta) => border(1, beta)));
    map.text({ anchor: "end", dx: -3, dy: 4 }).set(left, border(1, left), name);
  }
  cost.curve({ color: "quiet", width: 1.5 }).set([0, 1.3], [0, 0]);
  const curve = cost.curve(), minima = cost.dots({ color: "green", size: 7, hollow: true, label: "minima" });
  const top = cost.dots({ color: "quiet", shape: "cross", size: 5, label: "barrier" }), ball = cost.dots({ color: "purple", size: 6, label: "one column, descending" });
  const xs = Array.from({ length: 261 }, (_, i) => (i / 260) ** 2 * 1.3);
  let beta = 0.04, strength = t.globalStrength(1, 0.04) * 0.75, start = 0.3, run;

  // from the squared norm `start`, gradient descent on one column along the eigenvector
  function roll() {
    const lasso = lab.groupLasso(strength, beta);
    run = lab.descent(lab.population(Float64Array.of(1), 1, 1), Float64Array.of(Math.sqrt(start)), 1, lasso, 0.5 / (12 + 2 * strength / Math.sqrt(beta)));
    let before = start;
    fig.run(() => {
      const count = Math.max(1, Math.round(run.steps / 30));
      run.step(count);
      const x = run.U[0] ** 2, still = Math.abs(x - before) < 1e-7 * count && x > 1e-4 && run.steps > 200;
      before = x;
      return x > 1e-6 && !still && run.steps < 20000;
    }, draw, { once: true, done: draw });
    draw();
  }

  const psi = (x) => t.psi(x, 1, strength, beta) - 1;
  let setting; // what is said of it
  function show() {
    const ys = xs.map(psi), code = t.phase(1, strength, beta);
    cost.range.y = [Math.min(-0.25, ...ys) * 1.1, Math.max(0.25, ...ys) * 1.1];
    cost.layout();
    curve.set(xs, ys);
    const plus = t.shrunkEigenvalue(1, strength, beta), ends = [...(code > 0 ? [0] : []), ...(plus > 0 ? [plus] : [])];
    minima.set(ends, ends.map(psi));
    const barrier = code === 1 || code === 2 ? t.smallerRoot(1, strength, beta) : null;
    if (barrier) top.set([barrier], [psi(barrier)]); else top.clear();
    setting = `β = ${lab.number(beta)}, λ = ${lab.number(strength)}: ${p.phases[code]}.${plus ? ` Kept with squared norm ${lab.number(plus)}.` : ""}${barrier ? ` The barrier is at ${lab.number(barrier)}.` : ""}`;
    roll();
  }

  function draw() { // only the column moves
    const x = run.U[0] ** 2;
    ball.set([x], [psi(x)]);
    fig.say(`${setting} Column from ${lab.number(start)}: ${x < 1e-5 ? "dead" : `now ${lab.number(x)}`} after ${run.steps} steps.`);
  }

  const set = (x, y) => {
    [beta, strength] = [x, y];
    [sliders[0].value, sliders[1].value] = [x, y];
    show();
    return { x, y, words: `β ${lab.number(x)}, λ ${lab.number(y)}: ${p.phases[t.phase(1, y, x)]}` };
  };
  const hand = map.handle({ x: beta, y: strength, label: "smoothing and strength", move: set });
  const moved = () => hand.put(set(beta, strength));
  const [b, l] = [map.range.x, map.range.y];
  const sliders = [
    fig.slider({ label: "smoothing β", min: b[0], max: b[1], log: true, value: beta, input: (v) => { beta = v; moved(); } }),
    fig.slider({ label: "strength λ", min: l[0], max: l[1], log: true, value: strength, input: (v) => { strength = v; moved(); } }),
  ];
  fig.slider({ label: "start of the column", min: 0.005, max: 1.25, step: 0.005, value: start, input: (v) => { start = v; roll(); } });
  moved();
});
