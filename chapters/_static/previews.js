/* Previews of what a link leads to, on hover, focus and touch. The texts come from _static/previews/PAGE.js, made by
   _extensions/previews.py and loaded when first wanted; without this script every link still leads where it should.
   Escape closes; the pointer may rest on a preview; the first tap of a finger shows it, the second follows the link. */

(() => {
  "use strict";
  const here = new URL(document.currentScript.src);
  const root = new URL("../", here);
  const texts = new Map(); // page -> promise of {id: HTML}
  const waiting = new Map(); // page -> what keeps the promise
  let box, link, timer;

  window.bookPreviews = (page, previews) => waiting.get(page)?.(previews);

  const load = (page) => {
    if (!texts.has(page)) {
      texts.set(page, new Promise((resolve) => {
        const script = document.createElement("script");
        waiting.set(page, resolve);
        script.src = new URL(`_static/previews/${page}.js`, root);
        script.onerror = () => resolve({});
        document.head.append(script);
      }));
    }
    return texts.get(page);
  };

  /* [page, id] of what a link leads to, null where there is nothing to show */
  const target = (a) => {
    const url = new URL(a.href, location.href);
    const work = /^(?:dx\.)?((?:doi|arxiv)\.org)$/i.exec(url.hostname);
    if (work) return ["chapters/bibliography", decodeURI(work[1] + url.pathname).toLowerCase()];
    if (!url.href.startsWith(root.href) || !url.pathname.endsWith(".html") || a.matches(".headerlink")) return null;
    const page = decodeURI(url.pathname.slice(root.pathname.length)).replace(/\.html$/, "");
    const own = url.pathname === location.pathname;
    return page.startsWith("chapters/") && !(own && !url.hash) ? [page, decodeURIComponent(url.hash.slice(1))] : null;
  };

  const hide = () => {
    clearTimeout(timer);
    if (box) box.hidden = true;
    link?.removeAttribute("aria-describedby");
    link = null;
  };

  const place = () => {
    const edge = 8;
    const line = link.getClientRects()[0] ?? link.getBoundingClientRect();
    box.style.left = "0"; // or the page's edge would make it narrow
    const { width, height } = box.getBoundingClientRect();
    const left = Math.min(Math.max(edge, line.left), document.documentElement.clientWidth - width - edge);
    const above = line.top - height - 4;
    const below = line.bottom + 4 + height < innerHeight || above < edge;
    const origin = box.offsetParent.getBoundingClientRect();
    box.style.left = `${left - origin.left}px`;
    box.style.top = `${(below ? line.bottom + 4 : above) - origin.top}px`;
  };

  const show = async (a) => {
    const [page, id] = target(a);
    const text = (await load(page))[id];
    if (a !== link || !text) return;
    if (!box) {
      box = document.createElement("div");
      box.id = "book-preview";
      box.setAttribute("role", "tooltip");
      box.addEventListener("pointerenter", () => clearTimeout(timer));
      box.addEventListener("pointerleave", later);
      (document.querySelector("main") ?? document.body).append(box); // in a landmark
    }
    box.innerHTML = text;
    const base = new URL(`${page}.html`, root);
    for (const image of box.querySelectorAll("img")) {
      image.src = new URL(image.getAttribute("src"), base);
      image.onload = () => link && place();
    }
    box.hidden = false;
    a.setAttribute("aria-describedby", box.id);
    place();
    await window.MathJax?.typesetPromise?.([box]);
    if (link) place();
  };

  const soon = (a, delay) => {
    if (a === link) return clearTimeout(timer);
    hide();
    link = a;
    timer = setTimeout(show, delay, a);
  };

  function later() {
    clearTimeout(timer);
    timer = setTimeout(hide, 200);
  }

  const linkOf = (event) => {
    const a = event.target.closest?.(".bd-article a[href]");
    return a && target(a) ? a : null;
  };

  addEventListener("DOMContentLoaded", () => {
    let touched = null; // the link under a finger that has no preview yet
    document.addEventListener("pointerover", (event) => {
      if (event.pointerType === "touch") return;
      const a = linkOf(event);
      if (a) soon(a, 250);
    });
    document.addEventListener("pointerout", (event) => event.pointerType !== "touch" && link && linkOf(event) && later());
    document.addEventListener("pointerdown", (event) => {
      const a = linkOf(event);
      touched = event.pointerType === "touch" && a && a !== link ? a : null;
      if (!a && !box?.contains(event.target)) hide();
    });
    document.addEventListener("click", (event) => {
      const a = linkOf(event);
      if (a && a === touched) {
        event.preventDefault();
        soon(a, 0);
      } else if (a) hide();
      touched = null;
    });
    document.addEventListener("focusin", (event) => {
      const a = linkOf(event);
      if (a?.matches(":focus-visible") && a !== touched) soon(a, 0);
    });
    document.addEventListener("focusout", (event) => linkOf(event) && !touched && hide());
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  });
})();
