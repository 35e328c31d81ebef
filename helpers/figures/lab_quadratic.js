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
  const TOP = 0.5, KINDS = ["group Lasso", "weight decay", "no penalty"], threshold = 2 * Math.sqrt(p.beta);
  let { k, seed } = p, strength = 0.1, kind = KINDS[0], second = [0.5, 0.75 ** 0.5], problem, mu, run;
  const plane = fig.plot({ x: [-1.3, 1.3], y: [-1.3, 1.3], square: true, xlabel: "first input", ylabel: "second input", xticks: [-1, 0, 1], yticks: [-1, 0, 1] });
  const goal = plane.curve({ dash: "6 3", width: 1.5, label: "teacher’s function" });
  const reached = plane.curve({ color: "who", width: 1.5, label: "student’s function" });
  const units = plane.arrows({ color: "who", width: 2 }), teachers = plane.arrows({ color: "ink", width: 3.5 });
  const norms = fig.plot({ x: [0, TOP], y: [0, 1.4], height: 300, xlabel: "strength λ", ylabel: "norms of the student’s units" });
  const roots = norms.curve({ label: "Theorem 6.5, Proposition 6.6" }), border = norms.curve({ color: "grey", width: 1.2, dash: "4 3", label: "border of Theorem 6.5" });
  norms.curve({ color: "grey", dash: "2 3", label: "threshold" }).set([0, TOP], [threshold, threshold]);
  const dots = norms.dots({ color: "who", shape: "triangle", hollow: true, label: "student’s units" });

  const lasso = () => kind === KINDS[0];
  function ellipse(X) { // the image of the unit circle under the root of X (2, 2)
    const { values, V } = lab.eigh(X, 2), half = values.map((x) => Math.sqrt(Math.max(x, 0))), xs = [], ys = [];
    for (let angle = 0; angle < 6.35; angle += Math.PI / 48) {
      const a = half[0] * Math.cos(angle), b = half[1] * Math.sin(angle);
      xs.push(V[0] * a + V[1] * b);
      ys.push(V[2] * a + V[3] * b);
    }
    return [xs, ys];
  }
  function teach() {
    problem = lab.population(Float64Array.of(1, second[0], 0, second[1]), 2, 2, "rank-one");
    mu = lab.eigh(problem.M, 2).values;
    teachers.set([[0, 0, 1, 0], [0, 0, ...second]]);
    goal.set(...ellipse(problem.M));
    predict();
    train();
  }
  function predict() {
    roots.clear();
    border.clear();
    if (!lasso()) return;
    const end = 4 * Math.sqrt(p.beta) * mu[1], grid = Array.from({ length: 31 }, (_, i) => 4 / 3 * end * i / 30);
    const all = grid.map((level) => lab.quadratic.shrunk(mu, level, p.beta).map(Math.sqrt)), norm = (i) => all.map((found) => found[i]);
    roots.set([...grid, NaN, ...grid], [...norm(0), NaN, ...norm(1)]);
    border.set([end, end], [0, 1.4]);
  }
  function train(U = run.U) {
    fig.who({ "group Lasso": "blue", "weight decay": "ochre", "no penalty": "orange" }[kind]);
    const penalty = lasso() ? lab.groupLasso(strength, p.beta) : kind === KINDS[1] ? lab.weightDecay(strength) : null;
    run = lab.descent(problem, U, k, penalty, 0.008);
    const move = () => { // false when the units stand still
      const before = Float64Array.from(run.U);
      run.step(20);
      return run.U.some((x, at) => Math.abs(x - before[at]) > 2e-6);
    };
    fig.run(move, draw, { once: true });
    draw();
  }
  const fresh = () => train(lab.random(seed++).normals(2 * k, 0.3));
  function draw() {
    const all = run.norms(), longest = [...all].sort((x, y) => y - x), pair = (x, y) => `${lab.number(x)} and ${lab.number(y)}`;
    units.set(Array.from(all, (_, i) => [0, 0, run.U[i], run.U[k + i]]));
    reached.set(...ellipse(lab.outer(run.U, 2, k)));
    dots.set(Array.from(all, () => kind === KINDS[2] ? 0 : strength), all);
    const found = lab.quadratic.shrunk(mu, strength, p.beta).map(Math.sqrt), close = lasso() && strength < 4 * Math.sqrt(p.beta) * mu[1];
    fig.say(`${longest.filter((norm) => norm > threshold).length} of ${k} units are longer than the threshold, the longest ${pair(...longest)}`
      + (close ? `; Theorem 6.5 says two, ${pair(...found)}. ` : ". ") + `The function is ${lab.number(run.error(), 2)} from the teacher’s.`);
  }
  const place = () => ({ x: second[0], y: second[1], words: `${lab.number(Math.round(Math.atan2(second[1], second[0]) * 180 / Math.PI))} degrees, norm ${lab.number(Math.hypot(...second), 2)}` });
  const hand = plane.handle({ x: second[0], y: second[1], label: "The teacher’s second unit", move: (x, y) => {
    const size = Math.min(1, 1.2 / Math.hypot(x, y));
    second = [x * size, y * size];
    teach();
    return place();
  } });
  fig.choice({ label: "Penalty", options: KINDS, value: kind, input: (v) => { kind = v; predict(); train(); } });
  fig.slider({ label: "Strength λ", min: 0.01, max: TOP, step: 0.01, value: strength, input: (v) => { strength = v; train(); } });
  fig.slider({ label: "Student’s units k", min: 2, max: 40, step: 1, value: k, input: (v) => { k = v; fresh(); } });
  fig.button({ label: "Start again", press: fresh });
  run = { U: lab.random(seed++).normals(2 * k, 0.3) };
  teach();
  hand.put(place());
});
