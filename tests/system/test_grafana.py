# SPDX-License-Identifier: Apache-2.0
"""The board in contrib/grafana: good JSON of its kind, and all that its queries name is exported by a running hub."""
import json
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, request, wait_for

from hub import EVENTS, Receiver, event, events_to

BOARD = json.loads((ROOT / "contrib/grafana/reeve.json").read_text())
ADDED_BY_PROMETHEUS = {"instance", "job"}


def queries():
    found = [(p["title"], t["expr"]) for p in BOARD["panels"] for t in p["targets"]]
    for v in BOARD["templating"]["list"]:
        if v["type"] == "query":
            m = re.fullmatch(r"label_values\((\w+), (\w+)\)", v["query"]["query"])
            found.append((v["name"], f'{m.group(1)}{{{m.group(2)}=~".*"}}'))
    return found


def names_in(expr):
    """([(metric, {labels})], {labels of by clauses}) of a PromQL expression; strings, numbers and durations set aside."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"\[[^]]*\]", "", expr))
    metrics = [(m.group(1), set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", m.group(2) or "")))
               for m in re.finditer(r"\b(reeve_\w+)\s*(?:\{([^}]*)\})?", bare)]
    by = {x.strip() for m in re.finditer(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", bare) for x in m.group(1).split(",")}
    rest = re.sub(r"\b(?:by|without|on|ignoring)\s*\([^)]*\)", "", re.sub(r"\breeve_\w+\s*(?:\{[^}]*\})?", "", bare))
    unknown = set(re.findall(r"[a-z_]\w*", rest)) - {"sum", "max", "min", "count", "rate", "increase", "histogram_quantile", "or", "vector"}
    assert not unknown, (expr, unknown)
    return metrics, by


def exported(text):
    labels = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, inside = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line).groups()
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', inside or ""))
    return labels


def test_the_board_is_a_board():
    panels = BOARD["panels"]
    assert BOARD["title"] and BOARD["uid"] and BOARD["schemaVersion"] >= 37 and len(panels) >= 12
    assert len({p["id"] for p in panels}) == len({p["title"] for p in panels}) == len(panels)
    taken = set()
    for p in panels:
        assert p["type"] in ("stat", "table", "timeseries") and p["targets"] and p["datasource"]["uid"] == "${datasource}"
        g = p["gridPos"]
        assert g["x"] + g["w"] <= 24
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & taken, p["title"]
        taken |= cells
        assert len({t["refId"] for t in p["targets"]}) == len(p["targets"])


def test_what_the_board_asks_for_is_there(hub):
    r = Receiver(lambda *_: 404)
    try:
        h = hub(events_to({"plugin": "http", "url": r.url}))
        assert h.push([event(1)], path="/events", headers={"Content-Type": EVENTS})[0] == 202

        def scraped():
            found = exported(request(h.port, "GET", "/-/metrics", headers={"Accept": "text/plain"})[2].decode())
            return found if "reeve_alarms" in found else None
        there = wait_for(scraped, 20, "an alarm", step=0.5)
    finally:
        r.close()
    for title, expr in queries():
        metrics, by = names_in(expr)
        assert metrics, title
        for name, labels in metrics:
            assert name in there, f"{title}: {name} is not exported"
            wanted = (labels | by) - ADDED_BY_PROMETHEUS - ({"destination"} if name == "reeve_alarms" else set())
            assert wanted <= there[name], f"{title}: {name} has no {wanted - there[name]}"
    for p in BOARD["panels"]:
        for t in p["targets"]:
            _, by = names_in(t["expr"])
            known = by | set().union(*(there[m] for m, _ in names_in(t["expr"])[0]))
            assert set(re.findall(r"\{\{(\w+)\}\}", t["legendFormat"])) <= known, p["title"]


def test_the_queries_are_good_promql(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("SKIP: promtool (Debian's prometheus) is not installed")
    rules = [{"record": f"query:{i}", "expr": e.replace("$__rate_interval", "5m").replace("$instance", ".*")} for i, (_, e) in enumerate(queries())]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    r = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr
