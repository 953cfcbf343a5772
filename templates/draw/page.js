"use strict";
// The page's own work: which blocks are open, where that leaves everything, and what the reader points at.
// Layouts come from Graphviz, one for each block, with all blocks in it closed. Where one is open, its block's
// layout is stretched along both axes: places keep their order, so nothing ever comes to lie upon anything else.
(() => {
  const { boxes, interiors } = JSON.parse(document.getElementById("data").textContent);
  const NS = "http://www.w3.org/2000/svg";
  const PAD = 14, HEAD = 24;
  const SMALL = 5.4, LABEL = 10;  // a character on an edge, and how high it is
  const READABLE = 0.9;  // the scale at which the smallest letters can be read
  const opened = new Set([0]);
  const parent = new Map();
  boxes.forEach((box, at) => box.in.forEach((inner) => parent.set(inner, at)));
  const svg = document.getElementById("net");
  const view = document.getElementById("view");
  const facts = document.getElementById("facts");
  const tip = document.getElementById("tip");
  let chosen = -1;
  let place = { x: 0, y: 0, scale: 1 };

  // --- layout ---------------------------------------------------------------------------------------

  // A map of one axis onto another: spans are [from, to, wanted length]; what no span wants longer keeps its length.
  function stretched(spans) {
    const cuts = [...new Set(spans.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
    const steps = [];
    let to = cuts.length ? cuts[0] : 0;
    for (let at = 0; at + 1 < cuts.length; at++) {
      const [low, high] = [cuts[at], cuts[at + 1]];
      const factors = spans.filter(([a, b]) => a <= low && high <= b && b > a).map(([a, b, wanted]) => wanted / (b - a));
      const factor = Math.max(1, ...factors);
      steps.push({ low, high, to, factor });
      to += (high - low) * factor;
    }
    return (x) => {
      if (!steps.length || x <= steps[0].low) return x;
      const last = steps[steps.length - 1];
      if (x >= last.high) return last.to + (last.high - last.low) * last.factor + (x - last.high);
      let low = 0, high = steps.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (steps[middle].low <= x) low = middle; else high = middle - 1;
      }
      return steps[low].to + (x - steps[low].low) * steps[low].factor;
    };
  }

  // A box as it is now: its size, and if it is open where everything in it stands.
  function measured(at) {
    const box = boxes[at];
    if (!box.in.length || !opened.has(at)) return { at, width: box.w, height: box.h };
    const plan = interiors[box.plan];
    const inner = box.in.map(measured);
    const along = (axis, size, own) => stretched(inner.map((each, i) => {
      const old = boxes[box.in[i]][own];
      const middle = plan.boxes[i][axis];
      return [middle - old / 2, middle + old / 2, each[size]];
    }));
    const x = along(0, "width", "w"), y = along(1, "height", "h");
    const edge = at === 0 ? 0 : PAD, head = at === 0 ? 0 : HEAD;
    const point = ([a, b]) => [x(a) + edge, y(b) + edge + head];
    inner.forEach((each, i) => {
      // the middle of what the box's own span became
      const old = boxes[box.in[i]], [cx, cy] = plan.boxes[i];
      each.x = (x(cx - old.w / 2) + x(cx + old.w / 2)) / 2 + edge - each.width / 2;
      each.y = (y(cy - old.h / 2) + y(cy + old.h / 2)) / 2 + edge + head - each.height / 2;
    });
    const titled = at === 0 ? 0 : (box.name.length + box.what.length + 2) * 6.4 + 24;
    return {
      at, inner, point, plan,
      width: Math.max(x(plan.width) + 2 * edge, titled),
      height: y(plan.height) + 2 * edge + head,
    };
  }

  // --- drawing --------------------------------------------------------------------------------------

  function make(name, attributes, into, text) {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    into.append(made);
    return made;
  }

  function draw(found, into) {
    const box = boxes[found.at];
    let group = into;
    if (found.at !== 0) {
      const kind = found.inner ? " open" : "";
      group = make("g", { class: `box ${box.group}${kind}`, transform: `translate(${found.x} ${found.y})`, tabindex: 0, role: "button", "data-at": found.at }, into);
      group.setAttribute("aria-label", `${box.name} ${box.what}`);
      if (box.in.length) group.setAttribute("aria-expanded", String(Boolean(found.inner)));
      if (found.at === chosen) group.classList.add("chosen");
      make("rect", { width: found.width, height: found.height }, group);
      if (found.inner) {
        make("text", { x: 10, y: 17, class: "name" }, group, `▾ ${box.name}  ${box.what}`);
      } else {
        make("text", { x: found.width / 2, y: 19, "text-anchor": "middle", class: "name" }, group, (box.in.length ? "▸ " : "") + box.name);
        make("text", { x: found.width / 2, y: 33, "text-anchor": "middle" }, group, box.what);
      }
    }
    if (!found.inner) return;
    const shift = Math.max(0, (found.width - (found.at === 0 ? 0 : 2 * PAD) - Math.max(...found.inner.map((each) => each.x + each.width))) / 4);
    const inside = make("g", shift && found.at !== 0 ? { transform: `translate(${shift} 0)` } : {}, group);
    found.plan.ways.forEach((way) => drawWay(way, found, inside));
    found.plan.ports.forEach((port) => {
      const [cx, cy] = found.point(port);
      make("circle", { cx, cy, r: 2.5, class: "port" }, inside);
    });
    found.inner.forEach((each) => draw(each, inside));
  }

  // A way's curve, drawn on to the sides of boxes that stand back from where their spans end.
  function drawWay(way, found, into) {
    const points = way.points.map(found.point);
    const count = found.inner.length;
    const [from, to] = [way.from, way.to].map((end) => (end < count ? found.inner[end] : null));
    const within = (x, each) => Math.min(Math.max(x, each.x + 6), each.x + each.width - 6);
    let path = "";
    if (from) path = `M${within(points[0][0], from)} ${from.y + from.height} L`; else path = "M";
    path += points[0].join(" ");
    for (let at = 1; at + 2 < points.length; at += 3) path += ` C${points.slice(at, at + 3).map((each) => each.join(" ")).join(" ")}`;
    const rest = (points.length - 1) % 3;
    if (rest) path += ` L${points[points.length - 1].join(" ")}`;
    if (to) path += ` L${within(points[points.length - 1][0], to)} ${to.y}`;
    make("path", { d: path, class: way.far ? "way far" : "way", ...(to ? { "marker-end": "url(#arrow)" } : {}) }, into);
    if (way.label) {
      // beside the point of the curve that it stood beside, but never out of what became of its own place: all else
      // keeps out of that
      const near = way.points.reduce((best, each) => (Math.abs(each[1] - way.at[1]) < Math.abs(best[1] - way.at[1]) ? each : best));
      const moved = found.point(near);
      const half = [way.label.length * SMALL / 2, LABEL / 2];
      const low = found.point(way.at.map((middle, axis) => middle - half[axis]));
      const high = found.point(way.at.map((middle, axis) => middle + half[axis]));
      const [x, y] = way.at.map((middle, axis) =>
        Math.min(Math.max(moved[axis] + middle - near[axis], low[axis] + half[axis]), high[axis] - half[axis]));
      make("text", { x, y: y + 3, "text-anchor": "middle", class: "shape" }, into, way.label);
    }
  }

  let whole = null;
  function redraw() {
    whole = measured(0);
    view.replaceChildren();
    draw(whole, view);
    move();
  }

  // --- moving ---------------------------------------------------------------------------------------

  function move() {
    view.setAttribute("transform", `translate(${place.x} ${place.y}) scale(${place.scale})`);
  }

  function fit() {
    const { width, height } = svg.getBoundingClientRect();
    place.scale = Math.min((width - 30) / whole.width, (height - 30) / whole.height, 1.6);
    place.x = (width - whole.width * place.scale) / 2;
    place.y = Math.max((height - whole.height * place.scale) / 2, 15);
    move();
  }

  // The whole network if that can be read; else its top, as large as can be read.
  function begin() {
    fit();
    const { width } = svg.getBoundingClientRect();
    const scale = Math.min(READABLE, (width - 30) / whole.width);
    if (place.scale >= scale) return;
    place = { x: (width - whole.width * scale) / 2, y: 15, scale };
    move();
  }

  function zoom(factor, x, y) {
    const scale = Math.min(Math.max(place.scale * factor, 0.01), 8);
    const bounds = svg.getBoundingClientRect();
    const [cx, cy] = [x ?? bounds.width / 2, y ?? bounds.height / 2];
    place.x = cx - ((cx - place.x) * scale) / place.scale;
    place.y = cy - ((cy - place.y) * scale) / place.scale;
    place.scale = scale;
    move();
  }

  function element(at) {
    return view.querySelector(`[data-at="${at}"]`);
  }

  // Keep a box where the reader sees it, whatever was opened or closed.
  function keeping(at, work) {
    const before = element(at)?.getBoundingClientRect();
    work();
    redraw();
    const after = element(at)?.getBoundingClientRect();
    if (before && after) {
      place.x += before.left + before.width / 2 - (after.left + after.width / 2);
      place.y += before.top - after.top;
      move();
    }
  }

  function show(at) {
    for (let up = parent.get(at); up !== undefined; up = parent.get(up)) opened.add(up);
    choose(at);
    redraw();
    place.scale = Math.max(place.scale, 0.8);
    move();
    const bounds = svg.getBoundingClientRect(), box = element(at).getBoundingClientRect();
    place.x += bounds.left + bounds.width / 2 - (box.left + box.width / 2);
    place.y += bounds.top + bounds.height / 2 - (box.top + box.height / 2);
    move();
  }

  // --- what is known of a box ------------------------------------------------------------------------

  function list(box, into) {
    const made = document.createElement("dl");
    for (const [name, text] of box.facts) {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = name;
      dd.textContent = text;
      made.append(dt, dd);
    }
    into.append(made);
  }

  function choose(at) {
    chosen = at;
    view.querySelector(".chosen")?.classList.remove("chosen");
    element(at)?.classList.add("chosen");
    const box = boxes[at];
    const title = document.createElement("h2");
    title.textContent = box.full || box.name;
    facts.replaceChildren(title);
    list(box, facts);
    if (box.line) {
      const line = document.createElement("pre");
      line.textContent = box.line;
      facts.append(line);
    }
    history.replaceState(null, "", `#${encodeURIComponent(box.full)}`);
  }

  function boxAt(target) {
    const group = target.closest?.("g.box");
    return group ? Number(group.dataset.at) : -1;
  }

  function toggle(at) {
    choose(at);
    if (!boxes[at].in.length) return;
    keeping(at, () => (opened.has(at) ? opened.delete(at) : opened.add(at)));
    element(at)?.focus({ preventScroll: true });
  }

  // --- the reader's hands -----------------------------------------------------------------------------

  let held = null;
  svg.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, moved: false, at: boxAt(event.target) };
  });
  svg.addEventListener("pointermove", (event) => {
    if (held && event.buttons) {
      if (!held.moved && Math.hypot(event.clientX - held.x, event.clientY - held.y) > 4) {
        held.moved = true;
        svg.setPointerCapture(event.pointerId);
        svg.classList.add("dragged");
      }
      if (held.moved) {
        place.x += event.clientX - held.x;
        place.y += event.clientY - held.y;
        [held.x, held.y] = [event.clientX, event.clientY];
        move();
      }
    }
    hover(event);
  });
  svg.addEventListener("pointerup", () => {
    svg.classList.remove("dragged");
    if (held && !held.moved && held.at >= 0) toggle(held.at);
    held = null;
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const bounds = svg.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - bounds.left, event.clientY - bounds.top);
  }, { passive: false });

  function hover(event) {
    const at = held?.moved ? -1 : boxAt(event.target);
    if (at < 0) { tip.hidden = true; tip.dataset.at = ""; return; }
    if (tip.dataset.at !== String(at)) {
      tip.dataset.at = String(at);
      tip.replaceChildren();
      list(boxes[at], tip);
    }
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - width - 6)}px`;
    tip.style.top = `${Math.min(event.clientY + 14, innerHeight - height - 6)}px`;
  }

  // --- finding ----------------------------------------------------------------------------------------

  const find = document.getElementById("find"), results = document.getElementById("found");
  let hits = [], at = 0;
  function search() {
    const wanted = find.value.trim().toLowerCase();
    const rank = (name) => (name === wanted ? 0 : name.startsWith(wanted) ? 1 : 2);
    hits = !wanted ? [] : boxes.map((box, number) => [box.full.toLowerCase(), number])
      .filter(([name, number]) => number !== 0 && name.includes(wanted))
      .sort(([a, one], [b, other]) => rank(a) - rank(b) || one - other)
      .slice(0, 50).map(([, number]) => number);
    at = 0;
    results.replaceChildren(...hits.map((number, place) => {
      const item = document.createElement("li");
      item.textContent = boxes[number].full;
      item.classList.toggle("at", place === at);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); take(place); });
      return item;
    }));
    if (wanted && !hits.length) {
      const item = document.createElement("li");
      item.textContent = "no layer has that in its name";
      results.append(item);
    }
    results.hidden = !wanted;
  }
  function take(place) {
    if (!hits.length) return;
    results.hidden = true;
    show(hits[place]);
  }
  find.addEventListener("input", search);
  find.addEventListener("focus", search);
  find.addEventListener("blur", () => { results.hidden = true; });
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter") take(at);
    else if (event.key === "Escape") find.blur();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      at = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(hits.length - 1, 0));
      [...results.children].forEach((item, place) => item.classList.toggle("at", place === at));
      results.children[at]?.scrollIntoView({ block: "nearest" });
    }
  });

  // --- buttons and keys -------------------------------------------------------------------------------

  const on = (id, work) => document.getElementById(id).addEventListener("click", work);
  on("in", () => zoom(1.25));
  on("out", () => zoom(0.8));
  on("fit", fit);
  on("fold", () => { opened.clear(); opened.add(0); redraw(); begin(); });
  on("unfold", () => { boxes.forEach((box, number) => box.in.length && opened.add(number)); redraw(); begin(); });
  on("theme", () => {
    const root = document.documentElement, next = { "": "light", light: "dark", dark: "" };
    root.dataset.theme = next[root.dataset.theme ?? ""];
    root.style.colorScheme = root.dataset.theme || "light dark";
  });
  document.addEventListener("keydown", (event) => {
    if (event.target === find || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); find.focus(); find.select(); }
    else if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key === "0") fit();
    else if (event.key === "Enter" || event.key === " ") {
      const target = boxAt(event.target);
      if (target >= 0) { event.preventDefault(); toggle(target); }
    }
  });

  boxes.forEach((box, number) => box.open && opened.add(number));
  redraw();
  begin();
  const wanted = decodeURIComponent(location.hash.slice(1));
  const linked = wanted ? boxes.findIndex((box, number) => number !== 0 && box.full === wanted) : -1;
  if (linked > 0) show(linked);
})();
