// Chapter 2: two columns turned into each other by hand. X stands still, and with it every loss; the penalty moves.
// p: squares [p, s] of two orthogonal columns, smoothing.
lab.mount("landscape_dial", (fig, p) => {
  const [a, b] = p.squares.map(Math.sqrt), edge = 1.15 * Math.max(a, b), degrees = Array.from({ length: 181 }, (_, i) => i);
  let theta = 20, q = 1;

  // U(θ): its columns are conjugate radii of the ellipse with half axes a and b
  const columns = (deg) => {
    const t = deg * Math.PI / 180, [c, s] = [Math.cos(t), Math.sin(t)];
    return Float64Array.of(a * c, -a * s, b * s, b * c);
  };
  const price = (deg) => lab.squares(columns(deg), 2, 2).reduce((sum, x) => sum + lab.columnPower(1, q, p.smoothing).h(x), 0);
  const rise = (deg) => price(deg) - price(0);
  // any loss of X does: noisy rank-one measurements of some truth
  const some = lab.sample(Float64Array.of(0.8, 0.5), 2, 1, 30, { noise: 0.5, ensemble: "rank-one", seed: 1 });
  const loss = (deg) => lab.descent(some, columns(deg), 2, null, 0).loss();

  const plane = fig.plot({ x: [-edge, edge], y: [-edge, edge], square: true, xlabel: "first eigenvector of X", ylabel: "second eigenvector", xticks: [-1, 0, 1], yticks: [-1, 0, 1], label: "Two columns on the ellipse of X" });
  const hill = fig.plot({ x: [0, 180], y: [-0.2, 0.08], height: 300, xlabel: "angle θ, degrees", ylabel: "(penalty − penalty at 0) / λ", xticks: [0, 45, 90, 135, 180], label: "The penalty along the turn" });
  const around = Array.from({ length: 121 }, (_, i) => i * Math.PI / 60);
  plane.curve({ color: "quiet", dash: "3 4", width: 1.5, label: "X, standing still" }).set(around.map((t) => a * Math.cos(t)), around.map((t) => b * Math.sin(t)));
  const arrows = plane.arrows({ color: "who", width: 3 });
  hill.curve({ dash: "7 4", width: 1.5, label: "orthogonal columns" }).set([0, 180], [0, 0]);
  const curve = hill.curve({ color: "who", label: "penalty" }), still = hill.dots({ color: "green", shape: "diamond", hollow: true, size: 6, label: "loss − loss at 0" });
  const here = hill.dots({ color: "who", size: 6 });

  const ends = () => { const U = columns(theta); return { x: U[0], y: U[2] }; };
  const angle = fig.slider({ label: "angle θ", min: 0, max: 180, step: 1, value: theta, format: (v) => `${v}°`, input: (v) => { fig.stop(); theta = v; draw(); } });
  const nudged = (x, y) => ((theta + 2 * (x || y)) % 180 + 180) % 180;
  const take = (deg) => { fig.stop(); theta = (deg % 180 + 180) % 180; draw(); return ends(); };
  const tip = plane.handle({
    ...ends(), label: "first column: turn both", move: (x, y) => take(Math.atan2(y / b, x / a) * 180 / Math.PI), nudge: (x, y) => take(nudged(x, y)),
  });
  fig.slider({ label: "exponent q", min: 0.5, max: 4, step: 0.1, value: q, input: (v) => { fig.stop(); q = v; draw(); } });
  // descend the penalty on the orbit: θ' = −dR/dθ
  fig.button({ label: "Let go", press: () => fig.run(() => {
    const slope = (rise(theta + 0.5) - rise(theta - 0.5)) * 180 / Math.PI;
    theta -= Math.max(-2, Math.min(2, 12 * slope));
    return Math.abs(slope) > 1e-3;
  }, draw, { once: true }) });

  function draw() {
    theta = (theta % 180 + 180) % 180;
    const U = columns(theta), norms = [...lab.squares(U, 2, 2)].map(Math.sqrt), cosine = (U[0] * U[1] + U[2] * U[3]) / (norms[0] * norms[1]);
    fig.who(q < 1.95 ? "blue" : q > 2.05 ? "purple" : "ochre");
    arrows.set([[0, 0, U[0], U[2]], [0, 0, U[1], U[3]]]);
    tip.put({ ...ends(), words: `${Math.round(theta)} degrees` });
    angle.value = Math.round(theta);
    curve.set(degrees, degrees.map(rise));
    here.set([theta], [rise(theta)]);
    still.set([theta], [loss(theta) - loss(0)]);
    const kind = q < 1.95 ? "selects: turning the columns apart is downhill" : q > 2.05 ? "equalises: downhill is where both norms agree" : "is blind: every angle costs the same";
    fig.say(`θ = ${Math.round(theta)}°: norms ${lab.number(norms[0])} and ${lab.number(norms[1])}, cosine ${lab.number(Math.abs(cosine), 2)}. Penalty ${lab.number(price(theta), 4)} λ, at 0° ${lab.number(price(0), 4)} λ; the loss moves by ${lab.number(Math.abs(loss(theta) - loss(0)), 1)}. q = ${lab.number(q)} ${kind}.`);
  }
  draw();
});
