# SPDX-License-Identifier: Apache-2.0
"""Why: the conditions of the routes that were taken, and whether `reeve explain` had said so beforehand."""
import json

import show


def legend(hub, records):
    """The routes that chose a destination in this account, in the operator's words."""
    texts = hub.route_texts()
    used = {route for r in records for route in r.chosen().values()}
    rows = []
    for name in sorted(used):
        base = name.split("[")[0]
        rows.append([name, texts.get(name) or texts.get(base) or ("no route took it" if name == "(unrouted)" else "always")])
    show.heading("Why: the routes that were taken")
    show.table(["ROUTE", "WHEN"], rows, shrink=(1,))


class Forecast:
    """What `reeve explain` says before anything is sent, to be compared with what the hub then did."""

    def __init__(self, hub):
        self.hub, self.said, self.troubles = hub, {}, []

    def add(self, source, path):
        code, out, err = self.hub.command("explain", "--from", source["connector"], path, "--json")
        if code != 0:
            self.troubles.append(f"reeve explain {path.name} failed: {err.strip()[:300]}")
            return
        for message in messages(out):
            for name in (message.get("subject"), message.get("id")):
                if name:
                    self.said[name] = sorted(message["destinations"])

    def compare(self, records):
        wrong, checked = list(self.troubles), 0
        for r in records:
            said = self.said.get(r.attributes().get("subject")) or self.said.get(r.ident())
            if said is None:
                continue
            checked += 1
            if said != sorted(r.chosen()):
                wrong.append(f"{r.key}: explain said {said}, the hub chose {sorted(r.chosen())}")
        if not wrong:
            show.good(f"`reeve explain` had said the same for {checked} messages before they were sent")
        for text in wrong:
            show.bad(show.plain(text))
        return wrong


def messages(out):
    """The messages of explain's answer: one document, or one JSON object a line."""
    try:
        document = json.loads(out)
    except ValueError:
        document = [json.loads(line) for line in out.splitlines() if line.strip()]
    if isinstance(document, dict):
        document = document.get("messages", [document])
    return [m for m in document if "destinations" in m]
