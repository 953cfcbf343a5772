// What is in sight: which blocks are open, which box is chosen, and where the picture stands in its window.

const { boxes, interiors } = JSON.parse(document.getElementById("data").textContent);
const READABLE = 1.1, SMALLEST = 0.8;  // the scales at which everything is read with ease, and just so
const LETTERS = 0.35;  // the scale below which no letter can be read, so that none is drawn
const KEPT = 60;  // how much of the picture stays in sight, wherever it is moved
const [svg, view, about, facts, tip, find, results] =
  ["net", "view", "about", "facts", "tip", "find", "found"].map((id) => document.getElementById(id));
const opened = new Set([0]);
const parent = new Map();
boxes.forEach((box, at) => box.in.forEach((inner) => parent.set(inner, at)));
let chosen = 0;  // the network itself: nothing in it
let whole = null;
let place = { x: 0, y: 0, scale: 1 };

const between = (low, x, high) => Math.min(Math.max(x, low), high);
const element = (at) => view.querySelector(`[data-at="${at}"]`);
const seen = () => [...view.querySelectorAll("g.box")];

// The box itself, or the outermost closed block around it.
function shownFor(at) {
  let found = at;
  for (let up = parent.get(at); up !== undefined; up = parent.get(up)) if (!opened.has(up)) found = up;
  return found;
}

function redraw() {
  whole = measured(0, boxes, interiors, opened);
  view.replaceChildren();
  drawInside(whole, boxes, view);
  mark();
  move();
}

// The chosen box and the ways to and from it. One box alone takes part in going through the page by Tab.
function mark() {
  view.querySelectorAll(".chosen, .lit").forEach((each) => each.classList.remove("chosen", "lit"));
  view.querySelectorAll("[tabindex='0'], [aria-selected=true]").forEach((each) => {
    each.setAttribute("tabindex", -1);
    each.setAttribute("aria-selected", "false");
  });
  const group = element(chosen);
  (group ?? view.querySelector("g.box"))?.setAttribute("tabindex", 0);
  group?.classList.add("chosen");
  group?.setAttribute("aria-selected", "true");
  view.querySelectorAll(`[data-from="${chosen}"], [data-to="${chosen}"]`).forEach((way) => way.classList.add("lit"));
}

function move() {
  const { width, height } = svg.getBoundingClientRect();
  place.x = between(KEPT - whole.width * place.scale, place.x, width - KEPT);
  place.y = between(KEPT - whole.height * place.scale, place.y, height - KEPT);
  view.setAttribute("transform", `translate(${place.x} ${place.y}) scale(${place.scale})`);
  svg.classList.toggle("distant", place.scale < LETTERS);
}

function shift(x, y) {
  place.x += x;
  place.y += y;
  move();
}

function fit() {
  const { width, height } = svg.getBoundingClientRect();
  const scale = Math.min((width - 30) / whole.width, (height - 30) / whole.height, 1.6);
  place = { x: (width - whole.width * scale) / 2, y: Math.max((height - whole.height * scale) / 2, 15), scale };
  move();
}

// The whole network if that can be read; else its top, as wide as can be read.
function begin() {
  fit();
  if (place.scale >= SMALLEST) return;
  const { width, height } = svg.getBoundingClientRect();
  const scale = between(SMALLEST, (width - 30) / whole.width, READABLE);
  const room = width - whole.width * scale;
  const inSight = whole.inner.filter((each) => each.y * scale < height);
  const middle = inSight.reduce((sum, each) => sum + each.x + each.width / 2, 0) / inSight.length;
  place = { x: room >= 0 ? room / 2 : between(room - 15, width / 2 - middle * scale, 15), y: 15, scale };
  move();
}

function zoom(factor, x, y) {
  const scale = between(0.01, place.scale * factor, 8);
  const bounds = svg.getBoundingClientRect();
  const [cx, cy] = [x ?? bounds.width / 2, y ?? bounds.height / 2];
  place.x = cx - ((cx - place.x) * scale) / place.scale;
  place.y = cy - ((cy - place.y) * scale) / place.scale;
  place.scale = scale;
  move();
}

// Open or close a block, and keep it where the reader sees it.
function toggle(at) {
  const before = element(at).getBoundingClientRect();
  if (opened.has(at)) opened.delete(at); else opened.add(at);
  redraw();
  const after = element(at).getBoundingClientRect();
  shift(before.left + before.width / 2 - (after.left + after.width / 2), before.top - after.top);
  element(at).focus({ preventScroll: true });
}

function center(at) {
  place.scale = Math.max(place.scale, READABLE);
  move();
  const bounds = svg.getBoundingClientRect(), box = element(at).getBoundingClientRect();
  const high = Math.min(box.height, bounds.height - 40);  // of what is larger than the window, the top
  shift(
    bounds.left + bounds.width / 2 - (box.left + box.width / 2),
    bounds.top + bounds.height / 2 - (box.top + high / 2),
  );
}

// Move no further than it takes to see a box, or the top of one that is larger than the window.
function reveal(at) {
  const bounds = svg.getBoundingClientRect(), box = element(at).getBoundingClientRect();
  const by = (low, high, from, to) => (from < low ? low - from : to > high ? Math.max(high - to, low - from) : 0);
  shift(
    by(bounds.left + 20, bounds.right - 20, box.left, box.right),
    by(bounds.top + 20, bounds.bottom - 20, box.top, box.bottom),
  );
}

function show(at) {
  for (let up = parent.get(at); up !== undefined; up = parent.get(up)) opened.add(up);
  redraw();
  choose(at);
  center(at);
}

// All blocks open, or none; the reader stays with what was chosen.
function refold(blocks) {
  opened.clear();
  [0, ...blocks].forEach((at) => opened.add(at));
  redraw();
  if (chosen === 0) { begin(); return; }
  choose(shownFor(chosen));
  center(chosen);
}
