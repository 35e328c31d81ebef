/* What is wider than its line scrolls inside itself; a key reaches it only where it does (the theme makes each a stop). */

"use strict";

(() => {
  const SCROLLERS =
    "div.math, span.math, .highlight pre, .cell_output, .cell_output .output, .pst-scrollable-table-container";
  const NAMES = { math: "formula", highlight: "code", "pst-scrollable-table-container": "table" };

  function stops() {
    for (const box of document.querySelectorAll(SCROLLERS)) {
      if (box.closest("details:not([open]) > :not(summary)")) continue; // a fold calls again when it opens
      const scrolls = box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible";
      if (scrolls) {
        const kind = Object.keys(NAMES).find((name) => box.closest(`.${name}`) || box.classList.contains(name));
        box.tabIndex = 0;
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", `${NAMES[kind] || "result"}, wider than the page`);
      } else if (box.hasAttribute("tabindex")) {
        for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
      }
    }
  }

  let waiting = 0;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(stops, 150);
  };
  window.addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    later();
  });
  window.addEventListener("resize", later);
  document.addEventListener("toggle", later, true);
})();
