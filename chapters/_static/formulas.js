/* A formula in a line of text scrolls only where it is wider than the line; elsewhere it is part of the text. */

(() => {
  "use strict";
  const mark = () => {
    const inText = [...document.querySelectorAll("span.math")].filter((formula) => !formula.closest("td, th"));
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
