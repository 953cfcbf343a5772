// What is known of a box, told beside the picture, and links that lead to it.

// Each box's name in links to this page: its own, with a number behind where another has it already.
const linked = new Map();
const links = boxes.map((box, at) => {
  if (at === 0) return "";
  let link = box.full;
  for (let again = 2; linked.has(link); again++) link = `${box.full}~${again}`;
  linked.set(link, at);
  return link;
});

const readers = new Map(boxes.map((_, at) => [at, []]));
boxes.forEach((box, at) => box.reads.forEach(([from, shape]) => readers.get(from).push([at, shape])));

function layersIn(at) {
  return boxes[at].in.length ? boxes[at].in.flatMap(layersIn) : [at];
}

// What a layer takes from others, or what they take from it; of a block, what goes through its sides.
function neighbours(at, ends) {
  const own = new Set(layersIn(at));
  const found = [...own].flatMap(ends).filter(([other]) => !own.has(other));
  return [...new Map(found.map((each) => [String(each), each])).values()];
}

function html(name, into, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  into.append(made);
  return made;
}

function tell(at, into) {
  const box = boxes[at];
  into.replaceChildren();
  html("h2", into, box.full || box.name).className = box.group;
  const list = html("dl", into);
  for (const [name, text] of box.facts) {
    html("dt", list, name);
    html("dd", list, text);
  }
  return list;
}

function tellAll(at) {
  const list = tell(at, facts);
  const ways = [["reads", (each) => boxes[each].reads], ["read by", (each) => readers.get(each)]];
  for (const [name, ends] of ways) {
    const others = neighbours(at, ends);
    if (!others.length) continue;
    html("dt", list, name);
    const place = html("dd", list);
    for (const [other, shape] of others) {
      const link = html("a", html("div", place), boxes[other].full || boxes[other].name);
      link.href = `#${encodeURIComponent(links[other])}`;
      html("span", link.parentNode, ` ${shape}`);
    }
  }
  if (boxes[at].made) html("pre", facts, boxes[at].made);
}

function choose(at) {
  chosen = at;
  mark();
  about.hidden = at !== 0;
  facts.hidden = at === 0;
  if (at !== 0) tellAll(at);
  tip.hidden = true;
  if (location.protocol === "about:") return;  // in a notebook's frame, which has no address
  history.replaceState(null, "", at === 0 ? location.pathname + location.search : `#${encodeURIComponent(links[at])}`);
}

// The box that the address names; an address may be anything.
function follow() {
  const name = location.hash.slice(1);
  let link = name;
  try { link = decodeURIComponent(name); } catch { /* a `%` that is just that */ }
  if (linked.has(link)) show(linked.get(link));
}
