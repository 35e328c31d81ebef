/* A formula in a line of text scrolls only where it is wider than the line; elsewhere it is part of the text.
   Those in view are set first, the others piece by piece, and between two pieces the page answers.
   Before the page is printed the rest is set at once. The target of a link stays where the link leads. */

(() => {
  "use strict";
  const PIECE = 25; // milliseconds
  const MANY = 100; // formulas that appear at once
  const PATIENCE = 3000; // milliseconds for which words wait for the formulas among them: then they jump once, but are read

  const root = document.documentElement;
  const shown = () => root.classList.remove("setting");
  const rest = () => new Promise((go) => {
    const { port1, port2 } = new MessageChannel(); // unlike a timer it is not slowed where the page lies in the background
    port1.onmessage = go;
    port2.postMessage(null);
  });
  const ready = new Promise((go) => addEventListener("load", () => go(window.MathJax?.startup?.promise)));
  const fonts = () => [...document.fonts].filter(({ family }) => /^MJXTEX(-[IABC]|-S\d)?$/.test(family)); // the book's
  const inView = (formula) => {
    const { top, bottom } = formula.getBoundingClientRect();
    return bottom > 0 && top < 1.2 * innerHeight;
  };
  const steps = function* (formulas) {
    const { document: sheet } = MathJax.startup;
    sheet.clear();
    sheet.options.elements = formulas;
    sheet.findMath();
    for (const formula of sheet.math) yield () => formula.compile(sheet);
    yield rest;
    sheet.getMetrics();
    for (const formula of sheet.math) {
      yield () => {
        formula.typeset(sheet);
        formula.assistiveMml?.(sheet);
      };
    }
    yield rest;
    sheet.updateDocument();
  };
  const all = function* () {
    const formulas = [...document.querySelectorAll(".math")], now = new Set(formulas.filter(inView));
    yield* steps([...now]);
    shown();
    for (const font of fonts()) font.load();
    const later = formulas.filter((formula) => !now.has(formula));
    while (later.length) yield* steps(later.splice(0, MANY));
  };
  let work = [];
  const setAll = async () => {
    const { mathjax } = MathJax._.mathjax;
    work = all();
    let end = performance.now() + PIECE;
    for (const step of work) {
      await mathjax.handleRetriesFor(step); // a formula may wait for a part of MathJax
      if (performance.now() < end) continue;
      await rest();
      end = performance.now() + PIECE;
    }
  };
  addEventListener("beforeprint", () => {
    // paper cannot wait; but without its letters a formula would be a gap, so TeX is better
    if (fonts().every(({ status }) => status === "loaded")) for (const step of work) step();
  });
  if (window.MathJax) {
    MathJax.startup = { pageReady: setAll };
    root.classList.add("setting");
    setTimeout(shown, PATIENCE);
  }

  // what lies above a link's target grows and shrinks meanwhile: it is brought back until the reader moves
  let settled = false;
  const keep = () => {
    const target = !settled && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const moves = new ResizeObserver(() => target.scrollIntoView({ behavior: "instant" }));
    moves.observe(document.body);
    const leave = () => moves.disconnect();
    for (const act of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(act, leave, { once: true });
    ready.then(leave);
  };
  addEventListener("DOMContentLoaded", () => {
    // on the way back, or when it loads anew, a browser keeps the reader's place
    if (performance.getEntriesByType("navigation")[0]?.type === "navigate") keep();
  });
  addEventListener("hashchange", keep);

  const mark = () => {
    // in a closed fold a browser would lay out the fold for each; when it opens they are looked at
    const inText = [...document.querySelectorAll("span.math")].filter(
      (formula) => !formula.closest("td, th, details:not([open]) > :not(summary)"),
    );
    const formulas = inText.map((formula) => {
      const block = formula.closest("p, li, dt, dd, summary, h1, h2, h3") ?? document.body;
      return [formula, (formula.firstElementChild?.getBoundingClientRect().width ?? 0) > block.clientWidth];
    });
    for (const [formula, wide] of formulas) formula.classList.toggle("wide", wide);
  };
  let waiting;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(mark, 100);
  };
  ready.then(mark);
  addEventListener("resize", later);
  document.addEventListener("toggle", later, true);
})();
