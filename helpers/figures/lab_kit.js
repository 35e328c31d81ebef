// Plots and controls of the live figures. `lab.mount(name, build)` calls build(fig, parameters) for each such figure on
// the page; fig makes plots, controls and words. All sizes are screen pixels, so that text stays readable on a phone.
Object.assign(lab, (() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg", SHAPES = {
    circle: (r) => `m${-r},0a${r},${r} 0 1 0 ${2 * r},0a${r},${r} 0 1 0 ${-2 * r},0z`,
    square: (r) => `m${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
    triangle: (r) => `m0,${-1.2 * r}l${1.1 * r},${2 * r}h${-2.2 * r}z`,
    diamond: (r) => `m0,${-1.3 * r}l${1.3 * r},${1.3 * r}l${-1.3 * r},${1.3 * r}l${-1.3 * r},${-1.3 * r}z`,
    cross: (r) => `m${-r},${-r}l${2 * r},${2 * r}m0,${-2 * r}l${-2 * r},${2 * r}`,
  };

  function node(parent, tag, attributes = {}, text) {
    const svg = parent.namespaceURI === SVG || tag === "svg", made = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    return parent.appendChild(made);
  }

  // words in which c_λ and λ_glob are letters with an index
  function typeset(parent, text) {
    const svg = parent.namespaceURI === SVG;
    text.split(/_(\p{L}+|\S)/u).forEach((part, i) => {
      if (i % 2) node(parent, svg ? "tspan" : "sub", svg ? { dy: 3, "font-size": "75%" } : {}, part); else parent.append(part);
    });
  }

  // a number to three significant digits, with a true minus sign
  function number(value, digits = 3) {
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size && (size < 1e-3 || size >= 1e5)) {
      const power = Math.floor(Math.log10(size)), head = number(value / 10 ** power, digits);
      return (head === "1" ? "" : head + "·") + "10" + [...String(power)].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("");
    }
    return String(Number(value.toPrecision(digits))).replace("-", "−");
  }

  function ticksOf([low, high], log, room) {
    if (log) {
      const all = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
        for (const lead of Math.log10(high / low) > 2.2 ? [1] : Math.log10(high / low) > 1.2 ? [1, 3] : [1, 2, 5]) all.push(lead * 10 ** power);
      }
      const inside = all.filter((x) => x >= low * 0.999 && x <= high * 1.001), every = Math.ceil(inside.length / room);
      return inside.filter((_, i) => i % every === 0);
    }
    const raw = (high - low) / room, power = 10 ** Math.floor(Math.log10(raw)), step = power * [1, 2, 5, 10].find((x) => x * power >= raw);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(i * step);
    return found;
  }

  // Axes in `parent`. x, y: [low, high]; log: "", "x", "y" or "xy"; height in pixels, or square; xticks, yticks: numbers.
  // label: says to those who cannot see it what the plot shows.
  function plot(parent, { x, y, xlabel, ylabel, log = "", height = 240, square, label, xticks, yticks }) {
    const svg = node(node(parent, "div"), "svg", { role: "group", "aria-label": label ?? `${ylabel} against ${xlabel}` });
    const ticks = node(svg, "g", { class: "lab-ticks", "aria-hidden": "true" });
    const names = node(svg, "g", { "aria-hidden": "true" }), inner = node(svg, "svg", { "aria-hidden": "true" }), over = node(svg, "g");
    const box = { left: 46, top: 18, right: 10, bottom: 38 }, marks = [], axes = { svg, range: { x, y }, letter: "" };
    const place = (range, isLog, from, to) => (value) => {
      const f = isLog ? Math.log : (v) => v;
      return from + (to - from) * (f(value) - f(range[0])) / (f(range[1]) - f(range[0]));
    };
    const back = (range, isLog, from, to) => (at) => {
      const share = Math.min(1, Math.max(0, (at - from) / (to - from)));
      return isLog ? range[0] * (range[1] / range[0]) ** share : range[0] + share * (range[1] - range[0]);
    };

    axes.layout = () => {
      const width = svg.parentNode.clientWidth || 300, tall = square ? Math.min(width, 320) : height, { range } = axes;
      const [w, h] = [width - box.left - box.right, tall - box.top - box.bottom], isLog = { x: log.includes("x"), y: log.includes("y") };
      svg.setAttribute("height", tall);
      // marks are cut off a little outside the axes, so that a point on an axis stays whole
      const room = { x: box.left - 8, y: box.top - 8, width: w + 16, height: h + 16, viewBox: `-8 -8 ${w + 16} ${h + 16}` };
      for (const [name, value] of Object.entries(room)) inner.setAttribute(name, value);
      axes.size = [w, h];
      axes.X = place(range.x, isLog.x, 0, w); axes.Y = place(range.y, isLog.y, h, 0);
      axes.toX = back(range.x, isLog.x, 0, w); axes.toY = back(range.y, isLog.y, h, 0);
      ticks.replaceChildren(); names.replaceChildren();
      for (const value of xticks ?? ticksOf(range.x, isLog.x, w / 55)) {
        const at = box.left + axes.X(value);
        node(ticks, "line", { x1: at, x2: at, y1: box.top, y2: box.top + h + 4 });
        node(ticks, "text", { x: at, y: box.top + h + 17, "text-anchor": "middle" }, number(value));
      }
      for (const value of yticks ?? ticksOf(range.y, isLog.y, h / 38)) {
        const at = box.top + axes.Y(value);
        node(ticks, "line", { x1: box.left - 4, x2: box.left + w, y1: at, y2: at });
        node(ticks, "text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, number(value));
      }
      typeset(node(names, "text", { class: "lab-name", x: box.left + w / 2, y: tall - 4, "text-anchor": "middle" }), xlabel);
      typeset(node(names, "text", { class: "lab-name", x: 0, y: 10 }), axes.letter + ylabel);
      over.setAttribute("transform", `translate(${box.left} ${box.top})`);
      marks.forEach((mark) => mark.draw());
    };

    // A mark remembers what it was set to and draws that again after a change of size.
    function mark(attributes, path, keep = {}) {
      const made = node(inner, "path", attributes), self = { node: made, data: null, ...keep };
      self.draw = () => made.setAttribute("d", self.data && axes.X ? path(...self.data) : "");
      self.set = (...data) => { self.data = data; self.draw(); return self; };
      self.clear = () => { self.data = null; self.draw(); };
      marks.push(self);
      return self;
    }
    const joined = (xs, ys) => {
      let d = "", pen = "M";
      for (let i = 0; i < xs.length; i++) {
        if (!Number.isFinite(xs[i] + ys[i])) { pen = "M"; continue; }
        d += `${pen}${axes.X(xs[i]).toFixed(1)},${Math.min(1e4, Math.max(-1e4, axes.Y(ys[i]))).toFixed(1)}`;
        pen = "L";
      }
      return d;
    };
    const paint = (color) => `var(--lab-${color})`;

    // lines: set(xs, ys); NaN breaks the line
    axes.curve = ({ color = "ink", width = 2, dash = "", label } = {}) => mark(
      { fill: "none", stroke: paint(color), "stroke-width": width, "stroke-dasharray": dash, "stroke-linejoin": "round" }, joined, { label, color, dash, kind: "line" });
    // points: set(xs, ys)
    axes.dots = ({ color = "blue", shape = "circle", size = 4.5, hollow, label } = {}) => mark(
      { fill: hollow || shape === "cross" ? "none" : paint(color), stroke: paint(color), "stroke-width": 2 },
      (xs, ys) => Array.from(xs, (x, i) => Number.isFinite(x + ys[i]) ? `M${axes.X(x)},${axes.Y(ys[i])}${SHAPES[shape](size)}` : "").join(""),
      { label, color, shape, hollow, kind: "dots" });
    // squares of different size: set(xs, ys, sides), the sides in units of x; one of a negative side stands on its corner
    axes.squares = ({ color = "blue", hollow, label, shape = "square" } = {}) => mark(
      { fill: hollow ? "none" : paint(color), stroke: hollow ? paint(color) : "none", "stroke-width": 1.5 },
      (xs, ys, sides) => Array.from(xs, (x, i) => `M${axes.X(x)},${axes.Y(ys[i])}${SHAPES[sides[i] < 0 ? "diamond" : "square"](Math.abs(axes.X(sides[i]) - axes.X(0)) / 2)}`).join(""),
      { label, color, shape, hollow, kind: "dots" });
    // upright bars from the lower edge: set(xs, ys, width), the width in units of x
    axes.bars = ({ color = "blue", label } = {}) => mark({ fill: paint(color) }, (xs, ys, wide) => Array.from(xs, (x, i) => {
      const left = axes.X(x - wide / 2), top = Math.min(axes.size[1], axes.Y(ys[i]));
      return `M${left.toFixed(1)},${axes.size[1]}V${top.toFixed(1)}H${axes.X(x + wide / 2).toFixed(1)}V${axes.size[1]}z`;
    }).join(""), { label, color, kind: "band" });
    // a region between two curves: set(xs, low, high)
    axes.band = ({ color = "band", label } = {}) => mark({ fill: paint(color) }, (xs, low, high) =>
      joined([...xs, ...[...xs].reverse()], [...low, ...[...high].reverse()]) + "z", { label, color, kind: "band" });
    // arrows: set([[x0, y0, x1, y1], ...])
    axes.arrows = ({ color = "blue", width = 2.5, label } = {}) => mark({ fill: "none", stroke: paint(color), "stroke-width": width, "stroke-linecap": "round" },
      (all) => all.map(([x0, y0, x1, y1]) => {
        const [a, b, c, d] = [axes.X(x0), axes.Y(y0), axes.X(x1), axes.Y(y1)], long = Math.hypot(c - a, d - b), tip = Math.min(9, long / 2);
        if (long < 0.5) return "";
        const [u, v] = [(c - a) / long * tip, (d - b) / long * tip];
        return `M${a},${b}L${c},${d}M${c - u - v / 2},${d - v + u / 2}L${c},${d}L${c - u + v / 2},${d - v - u / 2}`;
      }).join(""), { label, color, kind: "line" });
    // a word in the plot: set(x, y, text)
    axes.text = ({ color = "ink", anchor = "start", dx = 0, dy = 0 } = {}) => {
      const made = node(inner, "text", { "text-anchor": anchor, style: `fill: ${paint(color)}` }), self = { data: null };
      self.draw = () => {
        if (!self.data || !axes.X) return;
        made.setAttribute("x", axes.X(self.data[0]) + dx); made.setAttribute("y", axes.Y(self.data[1]) + dy);
        made.replaceChildren();
        typeset(made, self.data[2]);
      };
      self.set = (...data) => { self.data = data; self.draw(); return self; };
      marks.push(self);
      return self;
    };

    // A point to drag, by mouse, finger or arrow keys: move(x, y) is called with where the hand wants it and answers
    // with { x, y, words }, where it goes and what is said of it; nudge(dx, dy), if given, answers the arrow keys.
    axes.handle = ({ x: x0, y: y0, label, move, nudge, steps = 60, jump = true }) => {
      const made = node(over, "g", { class: "lab-handle", tabindex: 0, role: "slider", "aria-label": label });
      node(made, "circle", { r: 20 }); node(made, "circle", { r: 7.5 });
      const self = {};
      self.draw = () => { if (axes.X) made.setAttribute("transform", `translate(${axes.X(self.x)} ${axes.Y(self.y)})`); };
      self.put = (to) => {
        Object.assign(self, to);
        made.setAttribute("aria-valuenow", Number(self.x.toPrecision(4)));
        made.setAttribute("aria-valuetext", self.words ?? `${number(self.x)}, ${number(self.y)}`);
        self.draw();
        return self;
      };
      const hand = (event) => {
        const frame = svg.getBoundingClientRect();
        return [event.clientX - frame.left - box.left, event.clientY - frame.top - box.top];
      };
      const drag = (event) => { const [a, b] = hand(event); self.put(move(axes.toX(a), axes.toY(b))); };
      made.addEventListener("pointerdown", (event) => {
        if (event.button) return; // a right click opens the browser's menu and moves nothing
        made.setPointerCapture(event.pointerId); event.preventDefault(); made.focus();
      });
      made.addEventListener("pointermove", (event) => { if (made.hasPointerCapture(event.pointerId)) drag(event); });
      if (jump) svg.addEventListener("click", (event) => { // a tap anywhere between the axes calls the point
        if (hand(event).every((at, i) => at > -20 && at < axes.size[i] + 20)) drag(event);
      });
      made.addEventListener("keydown", (event) => {
        const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
        if (!way) return;
        event.preventDefault();
        if (nudge) { self.put(nudge(way[0], -way[1])); return; }
        const far = (event.shiftKey ? 5 : 1) / steps;
        self.put(move(axes.toX(axes.X(self.x) + way[0] * far * axes.size[0]), axes.toY(axes.Y(self.y) + way[1] * far * axes.size[1])));
      });
      marks.push(self);
      return self.put({ x: x0, y: y0 });
    };
    axes.labelled = () => marks.filter((mark) => mark.label);
    return axes;
  }

  // What build() gets: plots, a legend, controls, words, and run(work, draw).
  function figure(live) {
    const plots = node(live, "div", { class: "lab-plots" }), legend = node(live, "div", { class: "lab-legend", "aria-hidden": "true" });
    const controls = node(live, "div", { class: "lab-controls" });
    const words = node(live, "p", { class: "lab-words", "aria-hidden": "true" }), said = node(live, "p", { class: "lab-said", role: "status" });
    const fig = { all: [], reduced: matchMedia("(prefers-reduced-motion: reduce)").matches, seen: true };

    fig.plot = (options) => { const made = plot(plots, options); fig.all.push(made); return made; };

    // Sentences for all; those who listen get the last one at most once in a while (longer while something runs), or
    // not (quiet) where nobody asked.
    let waiting = null;
    fig.say = (text, quiet) => {
      words.textContent = text;
      if (quiet) return;
      waiting ??= setTimeout(() => { waiting = null; said.textContent = words.textContent; }, job ? 4000 : 1000);
    };

    const labelled = (text) => {
      const label = node(controls, "label"), line = node(label, "span");
      typeset(node(line, "span"), text);
      return [label, line];
    };
    // slider: input(value) at each move; log: equal steps are equal factors; format(value) is what it says
    fig.slider = ({ label, min, max, step, value, log, format = number, input }) => {
      const [box, line] = labelled(label), shown = node(line, "b"), f = log ? Math.log : (v) => v;
      const range = node(box, "input", { type: "range", min: f(min), max: f(max), step: log ? "any" : step });
      const show = () => { shown.textContent = format(self.value); range.setAttribute("aria-valuetext", shown.textContent); };
      const self = {
        get value() { return log ? Math.min(max, Math.max(min, Number(Math.exp(range.value).toPrecision(3)))) : Number(range.value); },
        set value(to) { range.value = f(to); show(); },
      };
      if (log) range.addEventListener("keydown", (event) => {
        const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[event.key];
        if (!way) return;
        event.preventDefault();
        range.value = Number(range.value) + way * (f(max) - f(min)) / 60; show(); input(self.value);
      });
      self.value = value;
      range.addEventListener("input", () => { show(); input(self.value); });
      return self;
    };
    fig.toggle = ({ label, value, input }) => {
      const box = node(controls, "label", { class: "lab-toggle" }), tick = node(box, "input", { type: "checkbox" });
      node(box, "span", {}, label);
      tick.checked = value;
      tick.addEventListener("change", () => input(tick.checked));
      return tick;
    };
    fig.choice = ({ label, options, value, input }) => {
      const [box] = labelled(label), select = node(box, "select");
      options.forEach((option) => node(select, "option", { value: option }, option));
      select.value = value;
      select.addEventListener("change", () => input(select.value));
      return select;
    };
    fig.button = ({ label, press }) => {
      const made = node(node(controls, "div"), "button", { type: "button" }, label);
      made.addEventListener("click", () => press(made));
      return made;
    };

    // Work in slices of a few milliseconds, between which the page stays alive: work() is called until it answers
    // false, draw() once a frame (with reduced motion only at the end). Off the screen everything waits. While there is
    // work, the figure has the class lab-busy: what its words say is not the end.
    let job = null, frame = 0;
    const SLICE = 12;
    const take = (next) => { job = next; live.classList.toggle("lab-busy", next !== null); };
    function tick() {
      frame = 0;
      if (!job || !fig.seen) return;
      const end = performance.now() + SLICE, now = job;
      let more = true;
      do more = now.work() !== false; while (more && job === now && !now.once && performance.now() < end);
      if (job !== now) return;
      if (!more) take(null);
      if (!more || !fig.reduced) now.draw?.();
      if (!more) now.done?.();
      wake();
    }
    const wake = () => { if (job && fig.seen && !frame) frame = requestAnimationFrame(tick); };
    // once: one call of work() a frame, for things that should be watched; done() after the last
    fig.run = (work, draw, { once, done } = {}) => { take({ work, draw, once: once && !fig.reduced, done }); wake(); };
    fig.stop = () => take(null);
    // the colour called "who", on plots and legend alike
    fig.who = (color) => live.style.setProperty("--lab-who", `var(--lab-${color})`);
    fig.busy = () => job !== null;
    // A button that plays and pauses: start() begins or goes on; call stopped() when what it started has ended.
    fig.player = ({ label = "Play", start }) => {
      let on = false;
      const show = (state) => { on = state; made.textContent = on ? "Pause" : label; };
      const made = fig.button({ label, press: () => { show(!on); if (on) start(); else fig.stop(); } });
      return { stopped: () => show(false), play: () => { show(true); start(); }, get on() { return on; } };
    };

    fig.ready = () => {
      for (const mark of fig.all.flatMap((axes) => axes.labelled())) {
        const item = node(legend, "span"), swatch = node(item, "svg", { viewBox: "0 0 26 12" }), paint = `var(--lab-${mark.color})`;
        if (mark.kind === "line") node(swatch, "path", { d: "M0,6H26", stroke: paint, "stroke-width": 2.5, "stroke-dasharray": mark.dash ?? "" });
        else if (mark.kind === "band") node(swatch, "rect", { x: 4, width: 18, height: 12, fill: paint });
        else node(swatch, "path", { d: "M13,6" + SHAPES[mark.shape](4.5), fill: mark.hollow || mark.shape === "cross" ? "none" : paint, stroke: paint, "stroke-width": 2 });
        typeset(item, mark.label);
      }
      let width = live.clientWidth;
      if (fig.all.length > 1) fig.all.forEach((axes, i) => { // captions call plots by their letters
        axes.letter = `(${"abc"[i]}) `;
        axes.svg.setAttribute("aria-label", axes.letter + axes.svg.getAttribute("aria-label"));
      });
      fig.all.forEach((axes) => axes.layout());
      new ResizeObserver(() => {
        if (live.clientWidth === width) return;
        width = live.clientWidth;
        fig.all.forEach((axes) => axes.layout());
      }).observe(live);
      new IntersectionObserver(([entry]) => { fig.seen = entry.isIntersecting; wake(); }).observe(live);
    };
    return fig;
  }

  // Bring every figure of this name on the page to life that is not alive yet; one that fails leaves its still picture.
  // What a page that is still being read has below the window waits until the browser is idle.
  function mount(name, build) {
    if (!document.getElementById("lab-style")) node(document.head, "style", { id: "lab-style" }, lab.css);
    for (const root of document.querySelectorAll(`[data-lab="${name}"]:not(.lab-on)`)) {
      const waits = document.readyState === "loading" && window.requestIdleCallback && root.getBoundingClientRect().top > innerHeight;
      if (waits) requestIdleCallback(() => enliven(root, build), { timeout: 2000 }); else enliven(root, build);
    }
  }

  function enliven(root, build) {
    if (root.classList.contains("lab-on")) return;
    root.classList.add("lab-on");
    const live = node(root, "div", { class: "lab-live", role: "group", "aria-label": root.querySelector(".lab-still img").alt });
    try {
      const fig = figure(live);
      build(fig, JSON.parse(root.dataset.parameters));
      fig.ready();
    } catch (error) {
      root.classList.remove("lab-on");
      live.remove();
      throw error;
    }
  }

  return { mount, number };
})());
