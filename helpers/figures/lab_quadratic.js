// Chapter 6: teacher and student units as arrows in the plane. The ellipse {Uw : ‖w‖ = 1} is the network's function;
// without a penalty the arrows are any way to write it, with the group Lasso they are its half axes.
lab.quadratic = (() => {
  // the larger root of p + (λ/4) h'(p) = m, by Newton's method from above; 0 where there is none
  function root(m, strength, beta) {
    let p = m;
    for (let i = 0; i < 60 && p > 0; i++) {
      const slope = 1 - strength / 16 * (p + 4 * beta) / (p + beta) ** 2.5;
      if (slope <= 0) return 0;
      const move = (p + strength / 4 * lab.theory.dh(p, beta) - m) / slope;
      p -= move;
      if (Math.abs(move) < 1e-15) break;
    }
    return Math.max(p, 0);
  }
  // theory.shrunk_spectrum_rank_one, with 0 for a unit that cannot live
  function shrunk(mu, strength, beta) {
    const missing = (half) => mu.reduce((sum, m) => sum + m - root(m + half, strength, beta), 0) / 2;
    const half = lab.zero((x) => x - missing(x), 0, mu.reduce((sum, m) => sum + m, 0) / 2);
    return mu.map((m) => root(m + half, strength, beta));
  }
  return { shrunk };
})();

lab.mount("quadratic", (fig, p) => {
  const BETA = p.beta, SCALE = 0.3, kinds = ["group Lasso", "weight decay", "no penalty"], [LASSO, DECAY, NONE] = kinds, TOP = 0.5, turns = 96;
  let { k } = p, strength = 0.1, kind = LASSO, seed = p.seed, second = [0.5, 0.75 ** 0.5], run, problem, found;
  const plane = fig.plot({ x: [-1.3, 1.3], y: [-1.3, 1.3], square: true, xlabel: "first input", ylabel: "second input", xticks: [-1, 0, 1], yticks: [-1, 0, 1] });
  const goal = plane.curve({ dash: "6 3", width: 1.5, label: "the teacher’s function" }), now = plane.curve({ color: "blue", width: 1.5, label: "the student’s" });
  const units = plane.arrows({ color: "blue", width: 2, label: "student’s units" });
  const teachers = plane.arrows({ color: "ink", width: 3.5 });
  const norms = fig.plot({ x: [0, TOP], y: [0, 1.4], height: 300, xlabel: "strength λ", ylabel: "norms of the units" });
  const roots = norms.curve({ label: "Theorem 6.5" }), border = norms.curve({ color: "grey", width: 1.2, dash: "4 3" });
  const threshold = norms.curve({ color: "grey", dash: "2 3", label: "threshold" }), dots = norms.dots({ color: "blue", shape: "triangle", hollow: true });

  const ellipse = (X) => { // the image of the unit circle under the root of X (2, 2)
    const { values, V } = lab.eigh(X, 2), xs = [], ys = [];
    for (let i = 0; i <= turns; i++) {
      const a = Math.sqrt(Math.max(values[0], 0)) * Math.cos(2 * Math.PI * i / turns), b = Math.sqrt(Math.max(values[1], 0)) * Math.sin(2 * Math.PI * i / turns);
      xs.push(V[0] * a + V[1] * b); ys.push(V[2] * a + V[3] * b);
    }
    return [xs, ys];
  };
  const penalty = () => kind === LASSO ? lab.groupLasso(strength, BETA) : kind === DECAY ? lab.weightDecay(strength) : null;
  function teach() {
    const truth = Float64Array.of(1, second[0], 0, second[1]);
    problem = lab.population(truth, 2, 2, "rank-one");
    const mu = lab.eigh(problem.M, 2).values, grid = Array.from({ length: 31 }, (_, i) => TOP * i / 30);
    const all = grid.map((level) => lab.quadratic.shrunk(mu, level, BETA)), both = all.map((p) => p[1] > 0);
    teachers.set([[0, 0, 1, 0], [0, 0, ...second]]);
    goal.set(...ellipse(problem.M));
    const show = kind === LASSO;
    roots.set([...grid, NaN, ...grid], show ? [0, 1].flatMap((i) => [...all.map((p, at) => both[at] ? Math.sqrt(p[i]) : NaN), NaN]).slice(0, -1) : []);
    found = lab.quadratic.shrunk(mu, strength, BETA);
    const end = 4 * Math.sqrt(BETA) * mu[1];
    border.set([end, end], show ? [0, 1.4] : []);
    threshold.set([0, TOP], [2 * Math.sqrt(BETA), 2 * Math.sqrt(BETA)]);
    train(run ? run.U : lab.random(seed).normals(2 * k, SCALE));
  }
  function train(U) {
    run = lab.descent(problem, U, k, penalty(), 0.008);
    fig.run(() => {
      const old = Float64Array.from(run.U);
      run.step(20);
      return run.U.some((x, at) => Math.abs(x - old[at]) > 1e-7);
    }, draw, { once: true });
    draw();
  }
  function draw() {
    const all = run.norms();
    units.set(Array.from(all, (_, i) => [0, 0, run.U[i], run.U[k + i]]));
    now.set(...ellipse(lab.outer(run.U, 2, k)));
    dots.set(Array.from(all, () => kind === NONE ? 0 : strength), all);
    const longest = [...all].sort((x, y) => y - x), alive = longest.filter((norm) => norm > 2 * Math.sqrt(BETA)).length;
    const pair = (x) => `${lab.number(x[0])} and ${lab.number(x[1])}`;
    fig.say(`${alive} of ${k} units are longer than the threshold, the longest ${pair(longest)}`
      + (kind === LASSO && found[1] ? `; Theorem 6.5 says 2, ${pair(found.map(Math.sqrt))}. ` : ". ")
      + `The function is ${lab.number(run.error(), 2)} from the teacher’s.`);
  }
  const angle = () => Math.round(Math.atan2(second[1], second[0]) * 180 / Math.PI);
  const hand = plane.handle({ x: second[0], y: second[1], label: "The teacher’s second unit", move: (x, y) => {
    const size = Math.min(1, 1.2 / (Math.hypot(x, y) || 1));
    second = [x * size, y * size];
    teach();
    return { x: second[0], y: second[1], words: `${angle()} degrees, norm ${lab.number(Math.hypot(...second), 2)}` };
  } });
  fig.choice({ label: "Penalty", options: kinds, value: kind, input: (v) => { kind = v; teach(); } });
  fig.slider({ label: "Strength λ", min: 0.01, max: TOP, step: 0.01, value: strength, input: (v) => { strength = v; teach(); } });
  fig.slider({ label: "Student’s units k", min: 3, max: 40, step: 1, value: k, input: (v) => { k = v; run = null; teach(); } });
  fig.button({ label: "Start again", press: () => { seed++; run = null; teach(); } });
  teach();
});
