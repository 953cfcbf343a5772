// Finding boxes by what they are called, or what they do.

const MOST = 100;
let hits = [], pointed = 0;

// How well a box fits what is looked for, best first; none if it does not.
function rank(box, wanted) {
  const name = box.full.toLowerCase();
  if (name === wanted) return 0;
  if (name.startsWith(wanted)) return 1;
  if (name.includes(wanted)) return 2;
  return box.what.toLowerCase().includes(wanted) ? 3 : undefined;
}

function search() {
  const wanted = find.value.trim().toLowerCase();
  const ranked = !wanted ? [] : boxes.map((box, number) => [rank(box, wanted), number]);
  hits = ranked.filter(([how, number]) => number !== 0 && how !== undefined)
    .sort(([a, one], [b, other]) => a - b || one - other).map(([, number]) => number);
  results.replaceChildren();
  hits.slice(0, MOST).forEach((number, place) => {
    const item = html("li", results);
    item.id = `hit${place}`;
    item.role = "option";
    html("span", item, boxes[number].full);
    html("small", item, boxes[number].what);
    item.addEventListener("pointerdown", (event) => { event.preventDefault(); point(place); take(); });
  });
  if (!hits.length) html("li", results, "no layer has that in its name or its operator").className = "note";
  if (hits.length > MOST) html("li", results, `and ${hits.length - MOST} more`).className = "note";
  point(0);
  list(Boolean(wanted));
}

function list(isOpen) {
  results.hidden = !isOpen;
  find.setAttribute("aria-expanded", String(isOpen));
}

function point(place) {
  const count = Math.min(hits.length, MOST);
  pointed = count ? (place + count) % count : 0;
  results.querySelectorAll("[role=option]").forEach((item, each) => item.setAttribute("aria-selected", String(each === pointed)));
  results.children[pointed]?.scrollIntoView({ block: "nearest" });
  if (count) find.setAttribute("aria-activedescendant", `hit${pointed}`); else find.removeAttribute("aria-activedescendant");
}

function take() {
  if (!hits.length) return;
  list(false);
  show(hits[pointed]);
}

const FINDING = {
  Enter: () => { if (results.hidden) point(pointed + 1); take(); },
  Escape: () => { list(false); (element(chosen) ?? svg).focus({ preventScroll: true }); },
  ArrowDown: () => point(pointed + 1),
  ArrowUp: () => point(pointed - 1),
};
find.addEventListener("input", search);
find.addEventListener("focus", () => list(Boolean(find.value.trim())));
find.addEventListener("blur", () => list(false));
find.addEventListener("keydown", (event) => {
  if (!(event.key in FINDING)) return;
  event.preventDefault();
  event.stopPropagation();
  FINDING[event.key]();
});
