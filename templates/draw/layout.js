// Where everything stands. Layouts come from Graphviz, one for each block, with all blocks in it closed. Where one is
// open, its block's layout is stretched along both axes: places keep their order, so nothing comes to lie upon
// anything else.
const PAD = 14, HEAD = 24;  // around what is in an open block, and above it, for its title

// A map of one axis onto another. Spans are [from, to, wanted length]; what no span wants longer keeps its length.
function stretched(spans) {
  const growing = spans.filter(([from, to, wanted]) => wanted > to - from && to > from);
  const cuts = [...new Set(growing.flatMap(([from, to]) => [from, to]))].sort((a, b) => a - b);
  const steps = [];
  let to = cuts[0];
  for (let at = 0; at + 1 < cuts.length; at++) {
    const [low, high] = [cuts[at], cuts[at + 1]];
    const covering = growing.filter(([a, b]) => a <= low && high <= b);
    const factor = Math.max(1, ...covering.map(([a, b, wanted]) => wanted / (b - a)));
    steps.push({ low, high, to, factor });
    to += (high - low) * factor;
  }
  if (!steps.length) return (x) => x;
  const last = steps[steps.length - 1];
  return (x) => {
    if (x <= steps[0].low) return x;
    if (x >= last.high) return to + (x - last.high);
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (steps[middle].low <= x) low = middle; else high = middle - 1;
    }
    return steps[low].to + (x - steps[low].low) * steps[low].factor;
  };
}

// A box as it is now: its size, and if it is open where everything in it stands.
function measured(at, boxes, interiors, opened) {
  const box = boxes[at];
  if (!opened.has(at)) return { at, width: box.w, height: box.h };
  const plan = interiors[box.plan];
  const inner = box.in.map((each) => measured(each, boxes, interiors, opened));
  const spans = (axis, size, own) => inner.map((each, i) => {
    const middle = plan.boxes[i][axis], half = boxes[each.at][own] / 2;
    return [middle - half, middle + half, each[size]];
  });
  const across = spans(0, "width", "w"), down = spans(1, "height", "h");
  const x = stretched(across), y = stretched(down);
  const needed = x(plan.width) + (at === 0 ? 0 : 2 * PAD);
  const width = at === 0 ? needed : Math.max(needed, box.titled);
  const left = (width - x(plan.width)) / 2, top = at === 0 ? 0 : PAD + HEAD;
  inner.forEach((each, i) => {
    each.x = left + (x(across[i][0]) + x(across[i][1]) - each.width) / 2;
    each.y = top + (y(down[i][0]) + y(down[i][1]) - each.height) / 2;
  });
  const point = ([a, b]) => [x(a) + left, y(b) + top];
  return { at, inner, plan, point, width, height: y(plan.height) + (at === 0 ? 0 : 2 * PAD + HEAD) };
}
