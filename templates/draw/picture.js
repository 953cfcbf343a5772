// The picture: what was measured, as elements of SVG.

const SMALL = 5.4, LABEL = 10;  // a character on an edge, and how high it is
const CORNER = 6;
const STUB = 14;  // what is seen at both ends of a way that is too far to draw, until one of them is chosen

function make(name, attributes, into, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  into.append(made);
  return made;
}

// A box, which is an item of a tree for those who do not see it.
function drawBox(found, boxes, into) {
  const box = boxes[found.at];
  const group = make("g", {
    class: `box ${box.group}${found.inner ? " open" : ""}`, transform: `translate(${found.x} ${found.y})`,
    role: "treeitem", tabindex: -1, "aria-selected": "false", "aria-label": `${box.name} ${box.what}`, "data-at": found.at,
  }, into);
  make("rect", { width: found.width, height: found.height }, group);
  if (box.in.length) group.setAttribute("aria-expanded", String(Boolean(found.inner)));
  if (found.inner) {
    make("rect", { width: found.width, height: HEAD, class: "head" }, group);
    const title = make("text", { x: 10, y: 17 }, group, "▾ ");
    make("tspan", { class: "name" }, title, box.name);
    make("tspan", {}, title, `  ${box.what}`);
    drawInside(found, boxes, make("g", { role: "group" }, group));
    return;
  }
  const middle = { x: found.width / 2, "text-anchor": "middle" };
  make("text", { ...middle, y: 19, class: "name" }, group, (box.in.length ? "▸ " : "") + box.name);
  make("text", { ...middle, y: 33 }, group, box.what);
}

function drawInside(found, boxes, into) {
  found.plan.ways.forEach((way) => drawWay(way, found, into));
  for (const [cx, cy] of found.plan.ports.map(found.point)) make("circle", { cx, cy, r: 2.5, class: "port" }, into);
  found.inner.forEach((each) => drawBox(each, boxes, into));
}

// A way's curve, drawn on to the sides of boxes that stand back from where their spans end.
function drawWay(way, found, into) {
  const points = way.points.map(found.point);
  const [first, last] = [points[0], points[points.length - 1]];
  const [from, to] = [found.inner[way.from], found.inner[way.to]];  // none where it is a port
  const within = (x, box) => Math.min(Math.max(x, box.x + CORNER), box.x + box.width - CORNER);
  const begin = from ? [within(first[0], from), from.y + from.height] : first;
  const end = to ? [within(last[0], to), to.y] : last;
  const ends = { "data-from": from?.at, "data-to": to?.at };
  const kind = to ? "way arrives" : "way";
  if (way.far) {
    make("path", { d: `M${begin} v${STUB} M${end[0]} ${end[1] - STUB} V${end[1]}`, class: `${kind} far`, ...ends }, into);
    make("path", { d: `M${begin} L${end}`, class: "way across", ...ends }, into);
    return;
  }
  const steps = [`M${begin} L${first}`];
  for (let at = 1; at + 2 < points.length; at += 3) steps.push(`C${points.slice(at, at + 3).join(" ")}`);
  make("path", { d: `${steps.join(" ")} L${last} L${end}`, class: kind, ...ends }, into);
  if (!way.label) return;
  const [x, y] = besideWay(way, found.point);
  make("text", { x, y: y + 3, "text-anchor": "middle", class: "shape", "aria-hidden": true }, into, way.label);
}

// Where a label's middle stands: beside the point of the curve that it stood beside, but never out of what became of
// its own place, since all else keeps out of that.
function besideWay(way, point) {
  const off = (each) => Math.abs(each[1] - way.at[1]);
  const near = way.points.reduce((best, each) => (off(each) < off(best) ? each : best));
  const moved = point(near);
  const half = [way.label.length * SMALL / 2, LABEL / 2];
  const low = point(way.at.map((middle, axis) => middle - half[axis]));
  const high = point(way.at.map((middle, axis) => middle + half[axis]));
  return way.at.map((middle, axis) =>
    Math.min(Math.max(moved[axis] + middle - near[axis], low[axis] + half[axis]), high[axis] - half[axis]));
}
