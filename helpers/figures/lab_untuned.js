// Chapter 8: the path β = bλ^{2/3} on data drawn and fitted on the page, and the rule that reads the noise off its fits.
lab.untuned = (() => {
  const freedom = (d, m) => m * d - m * (m - 1) / 2; // theory.degrees_of_freedom
  // for Gaussian measurements: theory.path_floor, theory.largest_ratio, theory.noise_level
  const floor = (ratio) => lab.theory.gMin(1, ratio);
  const largestRatio = (kappa) => lab.theory.thresholdStrength(1, kappa) ** (-2 / 3);
  const noiseLevel = (noise, d, n) => noise * Math.sqrt(2 * d / n);

  // The levels of helpers.untuned.path, weakest first, one fit at a time: next() answers with a fit, with null while it
  // works on one, and with undefined after the fit that has no column left. Gradient descent, a few steps a call.
  function path(problem, n, ratio, seed) {
    const { d } = problem, bent = new Float64Array(d * d);
    problem.curvature(problem.M, bent);
    const size = lab.eigh(bent.map((x, at) => (x + problem.N[at]) / 2), d).values[0], least = floor(ratio); // of 𝒜*y/n
    let i = 0, k = d, U = lab.random(seed).normals(d * d, 0.3 * Math.sqrt(size / d)), run = null, tuned = null, penalty;
    const level = () => 0.02 * size * (4 / 3) ** i;
    function next() {
      if (!k || i >= 40) return undefined;
      const z = level();
      if (!run) {
        penalty = lab.groupLasso(z ** 1.5, ratio * z);
        run = lab.descent(problem, U, k, penalty, lab.safeStep(problem, U, k, penalty));
      }
      if (!tuned) {
        const before = Float64Array.from(run.U);
        run.step(40);
        const moved = Math.sqrt(run.U.reduce((sum, x, at) => sum + (x - before[at]) ** 2, 0) / size);
        if (moved > 2e-4 && run.steps < (i ? 1500 : 4000)) return null;
        ({ U, k } = lab.prune(run.U, d, k, penalty.threshold));
        tuned = lab.descent(problem, U, k, null, k ? lab.safeStep(problem, U, k, null) : 0);
      }
      if (k && tuned.steps < 200) return tuned.step(50) && null;
      const rest = n - freedom(d, k), noise = rest > 0 ? Math.sqrt(n * tuned.loss() / rest) : Infinity;
      const fit = { level: z, floor: least * z, rank: k, norms: [...run.norms()].filter((x) => x > penalty.threshold), noise, nu: noiseLevel(noise, d, n) };
      [run, tuned] = [null, null];
      i++;
      return fit;
    }
    return next;
  }
  return { floor, largestRatio, noiseLevel, path };
})();

lab.mount("untuned", (fig, p) => {
  const { d, r } = p, MARGIN = 1.25, WIDE = [0.015, 3];
  let { n, noise, seed } = p, weakest = 0.7, fits = [], at = 0.1, next, ratio, floor, chosen, problem;
  const bars = fig.plot({ x: WIDE, y: [0, 1.3], log: "x", xlabel: "level z", ylabel: "column norms" });
  const edge = bars.band({ label: "below the threshold" }), norms = bars.dots({ color: "blue", shape: "triangle", size: 3.5, label: "columns" });
  const counts = fig.plot({ x: WIDE, y: [-0.4, d + 0.4], log: "x", xlabel: "level z", ylabel: "columns left" });
  const plateau = counts.band({ color: "safe", label: "predicted plateau" });
  const truth = counts.curve({ dash: "2 3", width: 1.5, label: "rank of the truth" });
  const rule = counts.curve({ color: "purple", width: 2.5, label: "the rule’s choice" }), left = counts.dots({ color: "blue", size: 4 });

  function sample() {
    const random = lab.random(seed), design = random.normals(n * d * (d + 1) / 2), w = random.normals(n, noise);
    const frame = lab.orthonormal(lab.random(seed + 1).normals(d * r), d, r).map((x, at) => at % r === r - 1 ? x * Math.sqrt(weakest) : x);
    problem = lab.empirical(frame, d, r, design, w);
    ratio = lab.untuned.largestRatio(lab.theory.curvatureBound(d, n));
    floor = lab.untuned.floor(ratio);
    fits = [];
    chosen = undefined;
    const grid = Array.from({ length: 40 }, (_, i) => WIDE[0] * (WIDE[1] / WIDE[0]) ** (i / 39));
    edge.set(grid, grid.map(() => 0), grid.map((z) => 2 * Math.sqrt(ratio * z)));
    const ends = [lab.untuned.noiseLevel(noise, d, n) / floor, weakest / floor];
    if (ends[0] < ends[1]) plateau.set(ends, [-0.4, -0.4], [d + 0.4, d + 0.4]); else plateau.clear();
    truth.set(WIDE, [r, r]);
    next = lab.untuned.path(problem, n, ratio, seed + 2);
    fig.run(walk, draw);
  }
  function walk() {
    const fit = next();
    if (fit) {
      fits.push(fit);
      if (!chosen && fit.floor >= MARGIN * fit.nu) chosen = fit;
    }
    return fit !== undefined;
  }
  const nearest = () => fits.reduce((best, fit) => Math.abs(Math.log(fit.level / at)) < Math.abs(Math.log(best.level / at)) ? fit : best, fits[0]);
  function draw() {
    if (!fits.length) return;
    norms.set(fits.flatMap((fit) => fit.norms.map(() => fit.level)), fits.flatMap((fit) => fit.norms));
    left.set(fits.map((fit) => fit.level), fits.map((fit) => fit.rank));
    if (chosen) rule.set([chosen.level, chosen.level], [-0.4, d + 0.4]); else rule.clear();
    place(at);
  }
  const columns = (m) => `${m} column${m === 1 ? "" : "s"}`;
  function place(x) {
    at = x;
    const fit = nearest();
    if (!fit) return hand;
    hand.put({ x: fit.level, y: fit.rank, words: `level ${lab.number(fit.level, 2)}, ${columns(fit.rank)}` });
    fig.say(`At level ${lab.number(fit.level, 2)} there ${fit.rank === 1 ? "is" : "are"} ${columns(fit.rank)}; the penalty’s floor is ${lab.number(fit.floor, 2)}, the noise that the fit leaves ${lab.number(fit.nu, 2)}. `
      + (chosen ? `The rule, told nothing, takes ${columns(chosen.rank)}; the truth has ${r}.` : ""));
    return hand;
  }
  const beside = (way) => fits[Math.min(Math.max(fits.indexOf(nearest()) + way, 0), fits.length - 1)];
  const hand = counts.handle({ x: at, y: r, label: "Level on the path", move: (x) => place(x), nudge: (dx, dy) => place(beside(dx + dy)?.level ?? at) });
  const again = (set) => (v) => { set(v); sample(); };
  fig.slider({ label: "Noise s", min: 0.02, max: 2, log: true, value: noise, input: again((v) => { noise = v; }) });
  fig.slider({ label: "Eigenvalue μ_r", min: 0.05, max: 1, log: true, value: weakest, input: again((v) => { weakest = v; }) });
  fig.slider({ label: "Measurements n", min: 60, max: Math.max(600, n), step: 10, value: n, input: again((v) => { n = v; }) });
  fig.button({ label: "Other data", press: () => { seed += 10; sample(); } });
  sample();
});
