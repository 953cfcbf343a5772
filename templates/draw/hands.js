// What the reader does with a pointer, fingers and keys.

const held = new Map();  // the pointers that are down: two of them pinch
let pressed = null;  // what a click would be upon

function under(target) {
  const group = target.closest?.("g.box");
  if (!group) return { at: 0, isTitle: false };
  return { at: Number(group.dataset.at), isTitle: !group.classList.contains("open") || target.matches(".head, .head ~ text, tspan") };
}

function click({ at, isTitle }) {
  choose(at);
  if (at === 0) return;
  element(at).focus({ preventScroll: true });
  if (boxes[at].in.length && isTitle) toggle(at);
}

svg.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  held.set(event.pointerId, event);
  pressed = held.size === 1 ? { ...under(event.target), x: event.clientX, y: event.clientY } : null;
});

svg.addEventListener("pointermove", (event) => {
  const before = held.get(event.pointerId);
  if (!before) { hover(event); return; }
  if (pressed && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) <= 4) return;
  pressed = null;
  tip.hidden = true;
  svg.setPointerCapture(event.pointerId);
  svg.classList.add("dragged");
  const other = [...held.values()].find((each) => each.pointerId !== event.pointerId);
  held.set(event.pointerId, event);
  const part = other ? 0.5 : 1;  // of two that pinch, each moves the middle by half
  shift((event.clientX - before.clientX) * part, (event.clientY - before.clientY) * part);
  if (!other) return;
  const far = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY);
  const bounds = svg.getBoundingClientRect();
  const [x, y] = [(event.clientX + other.clientX) / 2 - bounds.left, (event.clientY + other.clientY) / 2 - bounds.top];
  zoom(far(event) / Math.max(far(before), 1), x, y);
});

function release(event) {
  held.delete(event.pointerId);
  svg.classList.toggle("dragged", held.size > 0);
}
svg.addEventListener("pointercancel", (event) => { release(event); pressed = null; });
svg.addEventListener("pointerup", (event) => {
  release(event);
  if (pressed) click(pressed);
  pressed = null;
});
svg.addEventListener("pointerleave", () => { tip.hidden = true; });

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
  const [x, y] = [event.deltaX * unit, event.deltaY * unit];
  if (event.ctrlKey || event.metaKey) {  // as a pinch on a trackpad says it too
    const bounds = svg.getBoundingClientRect();
    zoom(Math.exp(-between(-40, y, 40) * 0.008), event.clientX - bounds.left, event.clientY - bounds.top);
  } else if (event.shiftKey && !x) shift(-y, 0);
  else shift(-x, -y);
}, { passive: false });

function hover(event) {
  const { at, isTitle } = under(event.target);
  if (at === 0 || at === chosen || !isTitle || event.pointerType === "touch") { tip.hidden = true; return; }
  if (tip.hidden || tip.dataset.at !== String(at)) {
    tip.dataset.at = at;
    tell(at, tip);
    tip.hidden = false;
  }
  const { width, height } = tip.getBoundingClientRect();
  const { clientX: x, clientY: y } = event;
  tip.style.left = `${Math.max(Math.min(x + 14, innerWidth - width - 6), 6)}px`;
  tip.style.top = `${Math.max(y + 18 + height > innerHeight ? y - height - 12 : y + 18, 6)}px`;
}

// --- buttons and keys ---------------------------------------------------------------------------------

const blocks = boxes.flatMap((box, number) => (box.in.length ? [number] : []));
const BUTTONS = {
  in: () => zoom(1.25),
  out: () => zoom(0.8),
  fit,
  fold: () => refold([]),
  unfold: () => refold(blocks),
  theme: () => {
    const root = document.documentElement;
    const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  },
};
for (const [id, work] of Object.entries(BUTTONS)) document.getElementById(id).addEventListener("click", work);

const STEP = 60;
const KEYS = {
  "/": () => { find.focus(); find.select(); },
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  "0": fit,
  Escape: () => choose(0),
  ArrowUp: () => shift(0, STEP),
  ArrowDown: () => shift(0, -STEP),
  ArrowLeft: () => shift(STEP, 0),
  ArrowRight: () => shift(-STEP, 0),
  PageUp: () => shift(0, svg.clientHeight * 0.9),
  PageDown: () => shift(0, -svg.clientHeight * 0.9),
};

function goTo(group) {
  if (!group) return;
  choose(Number(group.dataset.at));
  group.focus({ preventScroll: true });
  reveal(chosen);
}

// What a key does where a box has the focus: boxes are a tree, in the order of the program.
const BOX_KEYS = {
  Enter: (own) => click({ at: own, isTitle: true }),
  " ": (own) => click({ at: own, isTitle: true }),
  ArrowDown: (own) => goTo(seen()[seen().indexOf(element(own)) + 1]),
  ArrowUp: (own) => goTo(seen()[seen().indexOf(element(own)) - 1]),
  ArrowRight: (own) => {
    if (opened.has(own)) goTo(element(boxes[own].in[0]));
    else if (boxes[own].in.length) click({ at: own, isTitle: true });
  },
  ArrowLeft: (own) => {
    if (opened.has(own)) click({ at: own, isTitle: true });
    else goTo(element(parent.get(own)));
  },
  Home: () => goTo(seen()[0]),
  End: () => goTo(seen().at(-1)),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === find) return;
  const own = under(event.target).at;
  const work = (own !== 0 && BOX_KEYS[event.key]) || (event.target.closest("aside") ? null : KEYS[event.key]);
  if (!work) return;
  event.preventDefault();
  work(own);
});

// --- on paper, and at the beginning -------------------------------------------------------------------

// On paper the whole network is to be seen, not the part that the window shows.
addEventListener("beforeprint", () => {
  svg.setAttribute("viewBox", `-6 -6 ${whole.width + 12} ${whole.height + 12}`);
  svg.classList.remove("distant");
  view.removeAttribute("transform");
});
addEventListener("afterprint", () => {
  svg.removeAttribute("viewBox");
  move();
});
addEventListener("resize", move);
addEventListener("hashchange", follow);

about.open = !matchMedia("(max-width: 50rem)").matches;
boxes.forEach((box, number) => box.open && opened.add(number));
redraw();
begin();
follow();
