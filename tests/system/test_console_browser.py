# SPDX-License-Identifier: Apache-2.0
"""The console in headless Chromium: it refreshes itself and can be told not to, works without script, fits narrow windows, and axe-core
finds nothing against WCAG 2.2 A and AA on any page, light and dark, wide and narrow.

Skipped with the reason where Chromium, its driver or python3-selenium are absent. axe-core is fetched once with npm into the build tree.
"""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest
from conftest import BUILD, wait_for
from hub import TOKEN, TestHub
from test_console import closed, dead_letters, push_events, rejecting

AXE, AXE_SHA256 = "4.10.3", "0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292"
PAGES = ["", "/journal", "/journal?event=accepted", "/journal?what=nobody", "/message", "/message?what=case-1", "/message?what=unknown-id",
         "/dead", "/dead?id=nobody", "/dead?done=replay&n=2", "/nothing"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed (contrib/setup test)")
    from selenium.webdriver.chrome.service import Service
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed (contrib/setup test)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-background-networking", "no-first-run",
                 f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument("--" + flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    b = webdriver.Chrome(service=Service(driver), options=options)
    b.set_page_load_timeout(60)
    yield b
    b.quit()


@pytest.fixture(scope="module")
def axe():
    """The text of axe.min.js."""
    place = BUILD / "axe-core" / AXE
    if not (place / "axe.min.js").exists():
        if not shutil.which("npm"):
            pytest.skip("npm is not installed (contrib/setup test): no axe-core")
        place.mkdir(parents=True, exist_ok=True)
        try:
            r = subprocess.run(["npm", "pack", "--silent", f"axe-core@{AXE}"], cwd=place, capture_output=True, text=True, timeout=120)
        except subprocess.TimeoutExpired:
            pytest.skip("axe-core could not be fetched with npm within two minutes")
        archive = place / f"axe-core-{AXE}.tgz"
        if r.returncode != 0 or not archive.exists():
            pytest.skip("axe-core could not be fetched with npm: " + r.stderr.strip()[-200:])
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == AXE_SHA256
        with tarfile.open(archive) as t:
            (place / "axe.new").write_bytes(t.extractfile("package/axe.min.js").read())
        os.replace(place / "axe.new", place / "axe.min.js")
    return (place / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A hub with something of everything: flow, an alarm, a paused destination, a dead letter."""
    receiver, config = rejecting()
    config["parties"]["away"] = {"name": "Somebody Who Is Away", "role": "provider"}
    config["connectors"]["away"] = {"party": "away", "deliver": {"plugin": "http", "url": "http://127.0.0.1:9/", "speaks": "cloudevents"}}
    config["routes"]["measures"] = {"match": {"type": "information.measure"}, "to": ["away"]}
    h = TestHub(tmp_path_factory.mktemp("hub"), closed(config)).wait_ready()
    try:
        push_events(h, [1, 2], subject="case-1")
        push_events(h, [3], type_="information.measure")
        push_events(h, [4], type_="information.document")
        h.command("pause", "triage", "-c", h.config)
        wait_for(lambda: len(dead_letters(h)) == 2 and h.status()["alarms"], 30, "dead letters and an alarm")
        h.receiver = receiver
        yield h
    finally:
        h.stop()
        receiver.close()


def url(hub, path=""):
    return f"http://127.0.0.1:{hub.port}/-/console{path}"


def find(browser, css):
    return browser.find_element("css selector", css)


def text_of(browser, css):
    """In one step: after a click the document may be replaced at any time."""
    return browser.execute_script("const x = document.querySelector(arguments[0]); return x ? x.innerText : ''", css)


def log_in(browser, hub):
    browser.get(url(hub))
    if browser.find_elements("id", "secret"):
        find(browser, "#secret").send_keys(TOKEN)
        find(browser, ".login button").click()
    wait_for(lambda: browser.find_elements("css selector", "[data-live=map]"), 20, "the map")


def look(browser, width=1280, scheme="light", script=True):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})


@pytest.fixture
def page(browser, shown):
    look(browser)
    log_in(browser, shown)
    browser.get_log("browser")
    yield browser
    complaints = [x["message"] for x in browser.get_log("browser") if x["level"] == "SEVERE" and "responded with a status of" not in x["message"]]
    assert complaints == []  # among them what the content security policy stopped


def test_axe_finds_nothing_on_the_login_page(browser, shown, axe):
    look(browser)
    browser.get(url(shown, "/logout"))
    browser.delete_all_cookies()
    browser.get(url(shown))
    check(browser, axe, "login")
    find(browser, "#secret").send_keys("wrong")
    find(browser, ".login button").click()
    wait_for(lambda: browser.find_elements("id", "complaint"), 10, "the complaint")
    check(browser, axe, "login refused")


def check(browser, axe, where):
    browser.execute_script(axe)
    found = browser.execute_async_script(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],"
        " resultTypes: ['violations']}).then(arguments[0], e => arguments[0]({violations: [{id: String(e), nodes: []}]}))")
    assert [(where, v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found["violations"]] == []


@pytest.mark.parametrize("width, scheme", [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing(page, shown, axe, width, scheme):
    look(page, width, scheme)
    for path in PAGES:
        page.get(url(shown, path))
        check(page, axe, f"{path or 'map'} {width} {scheme}")


@pytest.mark.parametrize("path", PAGES)
def test_narrow_windows_do_not_scroll_sideways(page, shown, path):
    look(page, 320)
    page.get(url(shown, path))
    assert page.execute_script("return document.documentElement.scrollWidth") <= 320


def test_map_refreshes_itself_until_it_is_told_not_to(page, shown):
    def documents():  # in one step: the rows may be replaced at any time
        return page.execute_script("return [...document.querySelectorAll('section tr')].map(r => r.innerText)"
                                   ".find(t => t.startsWith('triage'))")

    before = documents()
    push_events(shown, range(20, 25), type_="information.document")
    wait_for(lambda: documents() != before, 30, "a new figure without a click")
    assert "Refreshed at" in find(page, ".live").text
    find(page, ".live button").click()
    still = page.execute_script("return document.querySelector('[data-live]').innerHTML")
    push_events(shown, range(25, 30), type_="information.document")
    assert "Paused" in find(page, ".live").text
    page.execute_async_script("setTimeout(arguments[0], 6000)")  # longer than a turn of the refreshing
    assert page.execute_script("return document.querySelector('[data-live]').innerHTML") == still


def test_everything_can_be_read_without_script(page, shown):
    look(page, script=False)
    try:
        for path, text in [("", "friend"), ("/journal", "accepted"), ("/message?what=case-1", "How it stands"), ("/dead", "rejected")]:
            page.get(url(shown, path))
            assert text in find(page, "main").text
            assert not page.find_elements("css selector", ".live")
    finally:
        look(page)


def test_keyboard_reaches_content_first_and_marks_differ_in_shape(page, shown):
    from selenium.webdriver.common.keys import Keys
    find(page, "body").send_keys(Keys.TAB)
    assert page.switch_to.active_element.text == "Skip to the content"
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("id") == "main"
    shapes = {k: page.execute_script("return [...document.querySelectorAll(arguments[0])].map(x => x.children[0].tagName).join()",
                                     f".shape.{k}") for k in ("good", "paused", "bad")}
    assert "circle" in shapes["good"] and "rect" in shapes["paused"] and "path" in shapes["bad"]


def test_dead_letter_is_sent_again_by_hand(page, shown):
    page.get(url(shown, "/dead"))
    boxes = page.find_elements("css selector", "input[name=number]")
    boxes[0].click()
    find(page, "button.danger").click()  # no reason was given: nothing happens
    wait_for(lambda: "Nothing was thrown away" in text_of(page, ".note.bad"), 10, "the reason")
    shown.receiver.bad = False
    find(page, "input[name=number]").click()
    find(page, "button[value=replay]").click()
    wait_for(lambda: "1 sent again" in text_of(page, "main"), 10, "what was done")
    wait_for(lambda: len(shown.receiver.taken()) == 1, 20, "delivered")


def test_pictures_for_whoever_wants_to_see_them(page, shown):
    """REEVE_SHOTS=DIR keeps what the pages look like."""
    where = os.environ.get("REEVE_SHOTS")
    if not where:
        pytest.skip("REEVE_SHOTS is not set")
    for name, path in [("map", ""), ("journal", "/journal"), ("message", "/message?what=case-1"), ("dead", "/dead")]:
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                look(page, width, scheme)
                page.get(url(shown, path))
                tall = min(page.execute_script("return document.documentElement.scrollHeight"), 2600)
                shot = page.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {
                    "x": 0, "y": 0, "width": width, "height": tall, "scale": 1}})
                pathlib.Path(where, f"{name}-{width}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))
