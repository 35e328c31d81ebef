// Chapter 7: accuracy against units kept, as the chapter measured it, one penalty strength at a time.
// p: keeps (M), ticks, start; strengths (L) and words (L), a sentence each; curves, one a penalty: name, color, shape,
// dash and middle, low, high (L, M), whose rows are one and the same where there is no strength.
lab.mount("digits", (fig, p) => {
  const axes = fig.plot({ x: [0.9 * p.keeps[0], 1.1 * p.keeps.at(-1)], y: [0.45, 1.01], log: "x", height: 300, xticks: p.ticks,
    xlabel: "hidden units kept", ylabel: "test accuracy" });
  const marks = p.curves.map((curve, i) => {
    const { name, color, shape, dash } = curve, at = p.keeps.map((m) => m * 1.03 ** (i - 1)); // side by side, so that no bar hides another
    const bars = axes.curve({ color, width: 1.5 }), line = axes.curve({ color, width: 1.2, dash }), dots = axes.dots({ color, shape, label: name });
    return (state) => {
      bars.set(at.flatMap((x) => [x, x, NaN]), at.flatMap((_, j) => [curve.low[state][j], curve.high[state][j], NaN]));
      line.set(at, curve.middle[state]);
      dots.set(at, curve.middle[state]);
    };
  });
  const show = (state) => { marks.forEach((mark) => mark(state)); fig.say(p.words[state]); };
  fig.slider({ label: "Penalty strength λ", min: 0, max: p.strengths.length - 1, step: 1, value: p.start,
    format: (state) => lab.number(p.strengths[state], 2), input: show });
  show(p.start);
});
