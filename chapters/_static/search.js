/* The search for readers of numbers and formulas: "2.5" is one word, "Theorem 2.5" finds that theorem first and "group Lasso"
   what the glossary says of it, and what is quoted from a page shows symbols in place of TeX. Sphinx's searchtools.js, which
   is loaded later, takes `splitQuery` and `Scorer` from here. */

var splitQuery = (query) => query.split(/[^\p{L}\p{N}_.]+|\.(?!\d)|(?<!\d)\./u).filter((word) => word);

var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0, // as in Sphinx
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([, title, , , score]) => {
    const asked = new URLSearchParams(location.search).get("q").trim().toLowerCase().replace(/\s+/g, " ");
    const name = title.toLowerCase();
    const number = /^\w+ \(?([\d.]+)/.exec(name)?.[1];
    const named = name.startsWith(`${asked} (`) || name.endsWith(` (${asked})`) || name === `formula ${asked}`;
    return score + (name === asked ? 300 : named ? 200 : 0) + (number === asked.replace(/[()]/g, "") ? 100 : 0);
  },
};

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  if (Search.hasIndex()) Search._index.indexentries = {}; // the glossary's terms, which the objects have with their names

  const SYMBOLS = {
    lambda: "λ", beta: "β", kappa: "κ", nu: "ν", mu: "μ", delta: "δ", Delta: "Δ", Lambda: "Λ", rho: "ρ", tau: "τ", eta: "η",
    theta: "θ", alpha: "α", epsilon: "ε", varepsilon: "ε", gamma: "γ", sigma: "σ", xi: "ξ", psi: "ψ", varphi: "φ", ell: "ℓ",
    star: "⋆", top: "⊤", le: "≤", ge: "≥", ne: "≠", approx: "≈", in: "∈", to: "→", times: "×", cdot: "·", dots: "…", infty: "∞",
    sum: "∑", nabla: "∇", sqrt: "√", lVert: "‖", rVert: "‖", lvert: "|", rvert: "|", langle: "⟨", rangle: "⟩", succeq: "⪰",
    mapsto: "↦", gg: "≫", ll: "≪", pm: "±", lfloor: "⌊", rfloor: "⌋", mid: "|", circ: "∘", otimes: "⊗", chi: "χ", pi: "π",
  };

  /* A formula in plain characters, "…" where it needs two dimensions. */
  const plain = (tex) => {
    const text = tex
      .replace(/\\[()[\]]/g, "")
      .replace(/\\(?:mathrm|mathbb|mathcal|text|operatorname|bar|hat|boldsymbol)\{([^{}]*)\}/g, "$1")
      .replace(/\\([A-Za-z]+)/g, (all, name) => SYMBOLS[name] ?? all)
      .replace(/\\[,;:! ]/g, " ")
      .replace(/[_^]([A-Za-z0-9∗*⋆⊤])/gu, "$1")
      .replace(/[{}]/g, "");
    return /[\\^_&]/.test(text) ? "…" : text.trim();
  };

  const textOf = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".math").forEach((formula) => (formula.textContent = plain(formula.textContent)));
    page.querySelectorAll("summary, .cell_input").forEach((part) => part.remove());
    page.querySelector("article")?.setAttribute("role", "main"); // where Sphinx looks for the text; frame.py takes it away
    const part = anchor && anchor !== "#main-content" && page.getElementById(anchor.slice(1));
    return textOf(page.documentElement.outerHTML, part ? `#${CSS.escape(part.id)}` : undefined);
  };
});
