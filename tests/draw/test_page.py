"""The page in a real browser: it opens blocks, finds layers, and complains of nothing.

Needs Chromium and the package ``playwright``, and is skipped without them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netgen

pytest.importorskip("pygraphviz")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EXAMPLES = Path(__file__).parents[2] / "examples"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"), pytest.mark.slow]

OVERLAPS = """() => {
    const groups = [...document.querySelectorAll('g.box')];
    const at = new Map(groups.map((group) => [group, group.querySelector('rect').getBoundingClientRect()]));
    const apart = (a, b) => a.right <= b.left + 0.5 || b.right <= a.left + 0.5
        || a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;
    const found = [];
    groups.forEach((one, i) => groups.slice(0, i).forEach((other) => {
        if (!one.contains(other) && !other.contains(one) && !apart(at.get(one), at.get(other)))
            found.push([one.ariaLabel, other.ariaLabel]);
    }));
    groups.forEach((group) => {
        const outer = group.parentElement.closest('g.box');
        if (!outer) return;
        const [a, b] = [at.get(group), at.get(outer)];
        if (a.left < b.left - 0.5 || a.right > b.right + 0.5 || a.top < b.top - 0.5 || a.bottom > b.bottom + 0.5)
            found.push([group.ariaLabel, 'out of ' + outer.ariaLabel]);
    });
    return found;
}"""


HIDDEN = """() => {
    const boxes = [...document.querySelectorAll('g.box:not(.open) > rect')].map((each) => each.getBoundingClientRect());
    return [...document.querySelectorAll('text.shape')].filter((label) => {
        const a = label.getBoundingClientRect(), [x, y] = [(a.left + a.right) / 2, (a.top + a.bottom) / 2];
        return boxes.some((b) => b.left < x && x < b.right && b.top < y && y < b.bottom);
    }).map((label) => label.textContent);
}"""
"""Shapes on edges whose middle lies below a box."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A function that draws a net and opens the page; what goes wrong in it fails the test."""
    troubles: list[str] = []
    pages = []

    def look(net: netgen.Net, hash: str = "") -> Any:
        path = tmp_path / "net.html"
        net.draw(path)
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        pages.append(page)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else troubles.append(request.url))
        page.goto(path.as_uri() + hash)
        return page

    yield look
    for page in pages:
        page.close()
    assert not troubles


def _box(page: Any, label: str) -> Any:
    return page.locator(f'g.box[aria-label^="{label}"]').first


def test_a_block_opens_and_closes(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "peleenet.net"))
    page.click("#fit")
    block = _box(page, "stage1_1 dense_layer")
    assert block.get_attribute("aria-expanded") == "false"
    before = page.locator("g.box").count()
    block.click()
    assert _box(page, "stage1_1 dense_layer").get_attribute("aria-expanded") == "true"
    assert page.locator("g.box").count() == before + 6
    assert "dense_layer" in page.locator("#facts").inner_text()
    _box(page, "stage1_1 dense_layer").press("Enter")
    assert page.locator("g.box").count() == before


def test_a_layer_is_found_and_told_of(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "peleenet.net"))
    page.keyboard.press("/")
    page.keyboard.type("stage3_5/b2")
    assert page.locator("#found [role=option] span").first.inner_text() == "stage3_5/b2"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    chosen = page.locator("g.chosen")
    bounds, view = chosen.bounding_box(), page.locator("#net").bounding_box()
    assert view["x"] < bounds["x"] < view["x"] + view["width"]
    assert view["y"] < bounds["y"] < view["y"] + view["height"]
    facts = page.locator("#facts").inner_text()
    assert "1x16x14x14" in facts
    assert "pelee.net:" in facts
    page.fill("#find", "no such layer")
    assert "no layer" in page.locator("#found").inner_text()


@pytest.mark.parametrize("example", ["peleenet", "googlenet", "resnet", "unet", "inception_v3", "shufflenet_v2"])
def test_nothing_lies_upon_anything_else(example: str, opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / f"{example}.net"))
    assert page.evaluate(OVERLAPS) == []
    page.click("#unfold")
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(HIDDEN) == []
    page.click("#fold")
    for block in range(min(page.locator("g.box[aria-expanded=false]").count(), 3)):
        page.locator("g.box[aria-expanded=false]").nth(block).press("Enter")
    assert page.evaluate(OVERLAPS) == []


def test_a_link_leads_to_a_layer(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "peleenet.net"), "#stage4_2%2Fa1")
    assert page.locator("g.chosen").get_attribute("aria-label").startswith("a1")


def test_moving_and_zooming(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "lenet.net"))
    where = page.locator("#view").get_attribute("transform")
    page.mouse.move(300, 400)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"document.getElementById('view').getAttribute('transform') !== '{where}'")
    zoomed = page.locator("#view").get_attribute("transform")
    page.mouse.move(100, 700)
    page.mouse.down()
    page.mouse.move(160, 640, steps=4)
    page.mouse.up()
    assert page.locator("#view").get_attribute("transform") != zoomed
    page.click("#fit")
    assert page.locator("#view").get_attribute("transform") == where


def test_light_and_dark(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "lenet.net"))
    colors = []
    for _ in range(3):
        page.click("#theme")
        colors.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colors[0] == colors[2] != colors[1]


def _pressed(page: Any, keys: str) -> str:
    for key in keys.split():
        page.keyboard.press(key)
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def test_keys_go_through_the_tree(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "tiny.net"))
    page.click("#fold")
    page.locator("#theme").focus()
    assert _pressed(page, "Tab").startswith("data ")
    assert _pressed(page, "Tab Shift+Tab ArrowDown").startswith("stem ")
    assert _pressed(page, "ArrowRight ArrowRight").startswith("stem conv(")
    assert page.locator("#facts a").all_inner_texts() == ["data", "stem/bn"]
    assert page.locator(".lit").count() == 2
    assert _pressed(page, "ArrowLeft ArrowLeft").startswith("stem conv_block")
    assert page.locator("g.chosen").get_attribute("aria-expanded") == "false"
    assert _pressed(page, "End") != _pressed(page, "Home")
    page.keyboard.press("Escape")
    assert page.locator("g.chosen").count() == 0
    assert page.locator("#about").is_visible()


def test_two_fingers_zoom_about_what_is_between_them(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    netgen.compile(EXAMPLES / "lenet.net").draw(path)
    context = browser.new_context(viewport={"width": 400, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(path.as_uri())
    wire = context.new_cdp_session(page)

    def touch(kind: str, *xs: float) -> None:
        points = [{"x": x, "y": 400, "id": at} for at, x in enumerate(xs)]
        wire.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    matrix = "(() => { const { a, e } = document.getElementById('view').getCTM(); return [a, e]; })()"
    before = page.evaluate(matrix)
    touch("touchStart", 150)
    touch("touchStart", 150, 250)
    for apart in (10, 20, 30, 40, 50):
        touch("touchMove", 150 - apart, 250 + apart)
    touch("touchEnd")
    page.wait_for_function(f"{matrix}[0] > {before[0]} * 1.9")
    scale, x = page.evaluate(matrix)
    assert (scale, 200 - x) == pytest.approx((2 * before[0], 2 * (200 - before[1])), rel=0.02)
    context.close()


def test_paper_has_the_whole_network_in_the_light(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    netgen.compile(EXAMPLES / "vgg16.net").draw(path)
    page = browser.new_page(color_scheme="dark")
    page.goto(path.as_uri())
    last = page.locator("g.box").last
    assert not last.evaluate("(box) => box.getBoundingClientRect().bottom < innerHeight")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert last.evaluate("(box) => box.getBoundingClientRect().bottom < innerHeight")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_an_address_may_be_anything(opened: Any) -> None:
    page = opened(netgen.compile(EXAMPLES / "lenet.net"), "#%E0%A4%A")
    assert page.locator("g.chosen").count() == 0
    page.evaluate("location.hash = '#ip1'")
    page.wait_for_selector("g.chosen[aria-label^=ip1]")


def test_a_picture_in_the_dark_can_be_read(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.svg"
    netgen.compile(EXAMPLES / "tiny.net").draw(path)
    page = browser.new_page(color_scheme="dark")
    page.goto(path.as_uri())
    filled = "(selector) => getComputedStyle(document.querySelector(selector)).fill"
    paper, *inks = (page.evaluate(filled, where) for where in (".graph polygon", ".cluster text", ".node text"))
    assert paper == "rgb(23, 23, 27)"
    assert set(inks) == {"rgb(230, 230, 236)"}
    page.close()


def test_names_that_are_no_names(opened: Any) -> None:
    evil = "</script><img src=http://a.b/ onerror=console.log(1)>\u2028 <!-- \\' {{7*7}} &amp; %2"
    name = json.dumps(evil)
    net = netgen.load(
        f'name: {name} layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: 3 }} }} }}\n'
        f'layer {{ name: {name} type: "ReLU" bottom: "data" top: "y" }}\n'
    )
    page = opened(net)
    page.fill("#find", "relu")
    page.keyboard.press("Enter")
    assert page.locator("#facts h2").text_content() == evil == page.locator("h1").text_content()
    page.reload()
    assert page.locator("#facts h2").text_content() == evil
    assert page.locator("img").count() == 0


def test_no_other_script_runs_in_the_page(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    netgen.compile(EXAMPLES / "lenet.net").draw(path)
    page = browser.new_page()
    page.goto(path.as_uri())
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran = true">');
    }""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.ran") is None
    page.close()
