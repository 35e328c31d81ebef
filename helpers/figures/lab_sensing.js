// Chapter 1: train, prune, fine-tune on one problem, with every number of it under the hand.
// p: d, r, condition; n, noise, k, c_lambda, c_beta, steps as the page has them; playing: it plays by itself, draw after
// draw, with three controls (the book's cover).
lab.mount("sensing", (fig, p) => {
  const { d, r, steps } = p, tuning = Math.round(steps / 4), q = d * (d + 1) / 2, most = Math.max(600, p.n);
  const now = { n: p.n, noise: p.noise, k: p.k, lambda: p.c_lambda, beta: p.c_beta, penalty: "group Lasso", seed: 1 };
  const mu = p.condition ** -2, PENALTIES = { "group Lasso": "blue", "weight decay": "ochre", "no penalty": "orange" };

  const norms = fig.plot({ x: [0, p.k + 1], y: [0, 1.3], xlabel: "column", ylabel: "norm ‖uᵢ‖", label: "Column norms" });
  const path = fig.plot({ x: [0, steps + tuning], y: [0.04, 5], log: "y", xlabel: "step: train, then prune and fine-tune", ylabel: "error ‖X − M‖", label: "Error along the way" });
  const tuned = path.band({ color: "safe", label: "fine-tuning" });
  const small = norms.bars({ color: "grey", label: "columns below the threshold" });
  const large = norms.bars({ color: "who", label: "above the threshold" });
  const predicted = norms.curve({ label: "predicted, many answers" }), cut = norms.curve({ dash: "7 4", width: 1.5, label: "threshold 2√β" });
  const curve = path.curve({ color: "who" });
  const oracle = path.curve({ color: "green", dash: "2 4", width: 3, label: "oracle, told r" }), limit = path.curve({ width: 1.5, dash: "10 3", label: "theory for the oracle" });

  let data = {}, run, truth, problem, told, xs, ys, pruned, changed = false, slowly = false;

  // What a run needs, one piece a frame: the questions, the sums over them, the start and the step sizes. Pieces that the
  // last run had, too, stay.
  const pieces = [
    () => { if (data.seed !== now.seed) data = { seed: now.seed, design: lab.random(now.seed + 2000).normals(most * q) }; },
    () => {
      if (data.n === now.n && data.noise === now.noise) return;
      const share = (at) => 1 - (1 - 1 / p.condition) * (at % r) / Math.max(1, r - 1), draw = lab.random(now.seed);
      truth = lab.orthonormal(draw.normals(d * r), d, r).map((x, at) => x * share(at));
      problem = lab.empirical(truth, d, r, data.design.subarray(0, now.n * q), lab.random(now.seed + 1000).normals(now.n, now.noise));
      Object.assign(data, { n: now.n, noise: now.noise });
    },
    () => {
      const start = lab.random(now.seed + 3000).normals(d * now.k, 0.3 / Math.sqrt(d)), plain = lab.safeStep(problem, start, now.k, null);
      const lasso = lab.groupLasso(now.lambda * mu ** 1.5 / Math.sqrt(r), now.beta * mu / r);
      const penalty = { "group Lasso": lasso, "weight decay": lab.weightDecay(lasso.strength), "no penalty": null }[now.penalty];
      run = lab.descent(problem, start, now.k, penalty, 1 / (1 / plain + (penalty ? 2 * penalty.strength * penalty.bend : 0)));
      told = lab.descent(problem, truth, r, null, plain);
      Object.assign(run, { lasso, plain });
      [pruned, xs, ys] = [null, [], []];
      fig.who(PENALTIES[now.penalty]);
      norms.range.x = [0, now.k + 1];
      norms.layout();
      cut.set([0, now.k + 1], [lasso.threshold, lasso.threshold]);
      const ends = Array.from({ length: r }, (_, i) => (1 - (1 - 1 / p.condition) * i / Math.max(1, r - 1)) ** 2);
      const goal = ends.map((x) => Math.sqrt(lab.theory.shrunkEigenvalue(x, lasso.strength, lasso.smoothing)));
      if (now.penalty === "group Lasso") predicted.set(goal.flatMap(() => [0, now.k + 1, NaN]), goal.flatMap((x) => [x, x, NaN])); else predicted.clear();
    },
  ];
  let ready = 0;

  // a few steps of what comes next: the oracle, training, the cut, fine-tuning; false at the end
  function advance(count) {
    if (ready < pieces.length) { pieces[ready++](); return true; }
    if (told.steps < 200) return told.step(10);
    if (!pruned && run.steps >= steps) {
      const kept = lab.prune(run.U, d, now.k, run.lasso.threshold), before = run.error();
      pruned = lab.descent(problem, kept.U, kept.k, null, run.plain);
      Object.assign(pruned, { trained: before, cut: pruned.error() });
    }
    const stage = pruned ?? run;
    xs.push(stage.steps + (pruned ? steps : 0));
    ys.push(stage.error());
    if (pruned && pruned.steps >= tuning) return false;
    return stage.step(Math.min(count, (pruned ? tuning : steps) - stage.steps));
  }

  function draw() {
    if (ready < pieces.length) return;
    const at = run.norms(), bound = run.lasso.threshold, place = [...at.keys()];
    const alive = place.filter((i) => at[i] > bound), shown = pruned ? pruned.norms() : alive.map((i) => at[i]);
    large.set(alive.map((i) => i + 1), shown, 0.8);
    const rest = pruned ? [] : place.filter((i) => at[i] <= bound);
    small.set(rest.map((i) => i + 1), rest.map((i) => at[i]), 0.8);
    curve.set(xs, ys);
    const all = [0, steps + tuning], goal = lab.theory.oracleError(d, r, now.n, now.noise), reached = told.error();
    oracle.set(all, [reached, reached]);
    limit.set(all, [goal, goal]);
    tuned.set([steps, steps + tuning], [0.04, 0.04], [5, 5]);
    const { lasso } = run, low = lab.theory.thresholdStrength(lasso.smoothing, lab.theory.curvatureBound(d, now.n)), high = lab.theory.criticalStrength(mu, lasso.smoothing);
    const where = lasso.strength <= low ? "below" : lasso.strength >= high ? "above" : "inside";
    const count = `${alive.length} of ${now.k} columns above the threshold, M has rank ${r}.`;
    const window = now.penalty === "group Lasso" ? ` λ = ${lab.number(lasso.strength)} ${low < high ? `is ${where} the window from ${lab.number(low)} to ${lab.number(high)}` : "has no window here"}.` : "";
    const error = (descent) => lab.number(descent.error());
    if (p.playing) fig.say(!pruned ? `Train, step ${run.steps}: ${alive.length} of ${now.k} columns above the threshold, error ${error(run)}.`
      : `Prune: ${pruned.k} of ${now.k} columns are left; M has rank ${r}. Fine-tune: error ${error(pruned)}, that of an oracle, who is told the rank, ${lab.number(reached)}.`, player.on);
    else fig.say(!pruned || pruned.steps < tuning ? `Step ${run.steps + (pruned ? pruned.steps : 0)}: ${count}${window}`
      : `${count} Error ${lab.number(pruned.trained)} trained, ${lab.number(pruned.cut)} pruned, ${lab.number(pruned.error())} fine-tuned; oracle ${lab.number(reached)}.${window}`);
  }

  // A change starts the pipeline again; while one runs, the next waits for it, so that a moving hand sees ends, too.
  const done = () => {
    slowly = false;
    if (p.playing && player.on) setTimeout(() => { if (player.on && !fig.busy()) { now.seed++; player.play(); } }, 3000); else player.stopped();
    if (changed) begin();
  };
  function begin() {
    changed = slowly = false;
    player.stopped();
    ready = 0;
    fig.run(() => advance(5), draw, { done });
  }
  const change = (name) => (value) => {
    now[name] = value;
    if (p.playing && player.on) { slowly = false; play(); } else { changed = true; if (slowly || !fig.busy()) begin(); }
  };
  function play() {
    if (!slowly) ready = 0;
    slowly = true;
    const few = () => ready < pieces.length || told.steps < 200 ? 0 : Math.max(1, Math.round((pruned ?? run).steps / 40));
    fig.run(() => advance(few()), draw, { once: true, done });
  }

  if (!p.playing) {
    fig.slider({ label: "strength c_λ", min: 0.02, max: 3, log: true, value: now.lambda, input: change("lambda") });
    fig.slider({ label: "smoothing c_β", min: 0.003, max: 0.3, log: true, value: now.beta, input: change("beta") });
    fig.slider({ label: "noise s", min: 0.02, max: 0.6, step: 0.02, value: now.noise, input: change("noise") });
    fig.slider({ label: "answers n", min: Math.ceil(1.4 * (r * d - r * (r - 1) / 2) / 10) * 10, max: most, step: 10, value: now.n, input: change("n") });
    fig.slider({ label: "columns k", min: r, max: 60, step: 1, value: now.k, input: change("k") });
  }
  fig.choice({ label: "penalty", options: Object.keys(PENALTIES), value: now.penalty, input: change("penalty") });
  fig.button({ label: "New draw", press: () => change("seed")(now.seed + 1) });
  const player = fig.player({ label: p.playing ? "Play" : "Play slowly", start: play });
  if (p.playing && !fig.reduced) player.play(); else begin();
});
