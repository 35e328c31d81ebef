/* A link to what lies in a fold opens it, whatever the browser does by itself, and one to a section opens the section's own.
   On the pages that are lists of folds, Ledger and Helpers, a button opens or closes all. */

"use strict";

(() => {
  const reveal = (hash) => {
    const place = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!place) return;
    const folds = [...place.querySelectorAll(":scope > details.fold")];
    for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details")) folds.push(fold);
    const closed = folds.filter((fold) => !fold.open);
    for (const fold of closed) fold.open = true;
    if (closed.length) place.scrollIntoView();
  };

  const all = (folds) => {
    const button = document.createElement("button");
    const name = () => (button.textContent = folds.every((fold) => fold.open) ? "Close all" : "Open all");
    button.type = "button";
    button.className = "all-folds";
    button.addEventListener("click", () => {
      const open = !folds.every((fold) => fold.open);
      for (const fold of folds) fold.open = open;
    });
    for (const fold of folds) fold.addEventListener("toggle", name);
    name();
    folds[0].closest("section").before(button);
  };

  addEventListener("DOMContentLoaded", () => {
    const folds = [...document.querySelectorAll(".bd-article details.fold")];
    if (folds.length) all(folds);
    reveal(location.hash);
  });
  addEventListener("hashchange", () => reveal(location.hash));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href*='#']");
    if (link && link.href.split("#")[0] === location.href.split("#")[0]) reveal(link.hash);
  });
})();
