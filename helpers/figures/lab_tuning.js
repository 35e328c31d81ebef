// Chapter 5: the step size sets the rate of the pruned model; superfluous columns have no rate and crawl.
// In an eigenbasis of M the truth is diagonal, so both models start from one matrix: the truth, a little off, and
// beside it superfluous columns along kernel directions, all of one norm, for which the crawl is known exactly.
lab.tuning = (() => {
  // a and b of Theorem 5.1
  function curvatures(mu, ensemble) {
    const least = Math.min(...mu), r = mu.length;
    if (ensemble === "gaussian") return [4 * least, 8 * Math.max(...mu)];
    const bend = Float64Array.from({ length: r * r }, (_, at) => {
      const [i, j] = [Math.floor(at / r), at % r];
      return Math.sqrt(mu[i] * mu[j]) * (i === j ? 3 : 1);
    });
    return [8 * least, 8 * lab.eigh(bend, r).values[0]];
  }
  // theory.linear_rate, theory.largest_step
  const rate = (mu, step, ensemble) => { const [a, b] = curvatures(mu, ensemble); return Math.max(1 - step * a, step * b - 1); };
  const largestStep = (mu, ensemble) => 2 / curvatures(mu, ensemble)[1];
  // ‖X − M‖_F after `steps` steps, `extra` superfluous columns: (5.2) for norms s each; for rank-one theory.sublinear_error
  function crawl(steps, step, extra, r, ensemble, s) {
    if (ensemble === "gaussian") return Math.sqrt(extra) / (8 * steps * step + s ** -2);
    return Math.sqrt(extra * ((2 + r) ** 2 + r * extra)) / (16 * (extra + r + 2) * steps * step);
  }
  return { rate, largestStep, crawl };
})();

lab.mount("tuning", (fig, p) => {
  const { d, r } = p, STEPS = 400, NORM = 0.3, ensembles = { "Gaussian": "gaussian", "quadratic network": "rank-one" };
  let { condition } = p, extra = 1, ensemble = "gaussian", share = 0.4, mu, largest;
  const V = fig.plot({ x: [0, 0.275], y: [0, 1.15], xlabel: "step size η", ylabel: "rate: factor on the error per step" });
  const borders = V.curve({ color: "grey", width: 1.2, dash: "4 3" });
  const rates = V.curve({ label: "Theorem 5.1" });
  const error = fig.plot({ x: [0, STEPS], y: [1e-12, 10], log: "y", xlabel: "steps", ylabel: "error of X", yticks: [1e-12, 1e-9, 1e-6, 1e-3, 1] });
  const laws = error.curve({ dash: "6 3", label: "predicted" });
  const wide = error.dots({ color: "orange", size: 3.5, label: "superfluous columns kept" });
  const pruned = error.dots({ color: "blue", shape: "triangle", size: 3.5, label: "pruned" });

  function problem() {
    mu = Float64Array.from({ length: r }, (_, i) => (1 - (1 - 1 / condition) * (r > 1 ? i / (r - 1) : 0)) ** 2);
    largest = lab.tuning.largestStep(mu, ensemble);
    V.range.x = [0, 1.12 * largest];
    V.layout();
    const steps = Array.from({ length: 108 }, (_, i) => (i + 0.5) / 100 * largest);
    rates.set(steps, steps.map((step) => lab.tuning.rate(mu, step, ensemble)));
    borders.set([0, 1.12 * largest, NaN, largest, largest], [1, 1, NaN, 0, 1.15]);
    draw();
  }
  // the errors of a descent from the model with k columns, at each step or each fourth, until rounding or the end
  function descend(k, step, stride = 1) {
    const truth = new Float64Array(d * r), start = new Float64Array(d * k), random = lab.random(p.seed);
    const off = random.normals(d * r, 0.03);
    for (let i = 0; i < r; i++) truth[i * r + i] = Math.sqrt(mu[i]);
    for (let a = 0; a < d; a++) for (let i = 0; i < r; i++) start[a * k + i] = 0.9 * truth[a * r + i] + off[a * r + i];
    for (let i = r; i < k; i++) start[i * k + i] = NORM;
    const run = lab.descent(lab.population(truth, d, r, ensemble), start, k, null, step), errors = [run.error()];
    while (run.steps < STEPS && errors.at(-1) > 2e-13 && errors.at(-1) < 1e3) errors.push(run.step(stride).error());
    return errors;
  }
  const every = (errors) => [...errors.keys()].filter((t) => t % (errors.length < 100 ? 4 : 10) === 0);
  function draw() {
    const step = share * largest, rate = lab.tuning.rate(mu, step, ensemble), narrow = descend(r, step), broad = descend(r + extra, step, 4);
    const times = every(narrow).filter((t) => narrow[t] > 1e-12 && narrow[t] < 10), later = [...broad.keys()].filter((i) => i % 2 === 0 && broad[i] < 10);
    pruned.set(times, times.map((t) => narrow[t]));
    wide.set(later.map((i) => 4 * i), later.map((i) => broad[i]));
    // the line of the rate passes through the last error that is well above rounding
    const end = narrow.findLastIndex((e) => e > 1e-10), half = Math.floor(end / 2);
    const found = (narrow[end] / narrow[half]) ** (1 / (end - half)), xs = Array.from({ length: STEPS + 1 }, (_, t) => t);
    const crawl = (t) => lab.tuning.crawl(t, step, extra, r, ensemble, NORM);
    const plunge = (t) => narrow[end] * rate ** (t - end), inside = (y) => rate < 1 && y > 1e-12 && y < 1 ? y : NaN;
    laws.set([...xs, NaN, ...xs], [...xs.map((t) => inside(plunge(t))), NaN, ...xs.map((t) => inside(crawl(t)))]);
    const six = lab.zero((log) => -crawl(Math.exp(log)) + 1e-6, 0, 40);
    fig.say(rate > 1 ? "Beyond the largest step the truth repels: neither model gets there."
      : `Pruned, the error shrinks by ${lab.number(found)} a step, predicted ${lab.number(rate)}: `
        + (narrow.at(-1) <= 1e-6 ? `10⁻⁶ is reached after ${narrow.findIndex((e) => e <= 1e-6)} steps. ` : `${lab.number(narrow.at(-1), 2)} after ${STEPS} steps. `)
        + `With ${extra} superfluous column${extra > 1 ? "s" : ""} it is ${lab.number(broad.at(-1), 2)} after ${STEPS} steps, and would be 10⁻⁶ after about ${lab.number(Math.exp(six), 2)} steps.`);
    hand.put({ x: step, y: rate < 1 ? found : rate, words: `step ${lab.number(step)}, rate ${lab.number(rate < 1 ? found : rate)}` });
  }
  const hand = V.handle({ x: 0.1, y: 0.6, label: "Step size", steps: 100, move: (x) => { share = Math.max(0.02, x / largest); draw(); return hand; } });
  fig.slider({ label: "Superfluous columns", min: 1, max: d - r, step: 1, value: extra, input: (v) => { extra = v; draw(); } });
  fig.slider({ label: "Condition of M", min: 1.05, max: 2, step: 0.01, value: condition, input: (v) => { condition = v; problem(); } });
  fig.choice({ label: "Measurements", options: Object.keys(ensembles), value: "Gaussian", input: (v) => { ensemble = ensembles[v]; problem(); } });
  problem();
});
