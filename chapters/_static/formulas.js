/* A formula in a line of text scrolls only where it is wider than the line; elsewhere it is part of the text.
   Those in view are set first, the others piece by piece, and between two pieces the page answers. */

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
  const inView = (formula) => {
    const { top, bottom } = formula.getBoundingClientRect();
    return bottom > 0 && top < 1.2 * innerHeight;
  };
  const set = async (formulas) => {
    const { document: sheet } = MathJax.startup, { mathjax } = MathJax._.mathjax;
    sheet.clear();
    sheet.options.elements = formulas;
    sheet.findMath();
    const each = async (work) => {
      let end = performance.now() + PIECE;
      for (const formula of [...sheet.math]) {
        await mathjax.handleRetriesFor(() => work(formula)); // a formula may wait for a part of MathJax
        if (performance.now() < end) continue;
        await rest();
        end = performance.now() + PIECE;
      }
      await rest();
    };
    await each((formula) => formula.compile(sheet));
    sheet.getMetrics();
    await each((formula) => {
      formula.typeset(sheet);
      formula.assistiveMml?.(sheet);
    });
    sheet.updateDocument();
  };
  const setAll = async () => {
    const formulas = [...document.querySelectorAll(".math")], now = new Set(formulas.filter(inView));
    await set([...now]);
    shown();
    const later = formulas.filter((formula) => !now.has(formula));
    while (later.length) await set(later.splice(0, MANY));
  };
  if (window.MathJax) {
    MathJax.startup = { pageReady: setAll };
    root.classList.add("setting");
    setTimeout(shown, PATIENCE);
  }

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
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
  });
  addEventListener("resize", later);
  document.addEventListener("toggle", later, true);
})();
