#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints adapters/hub/TYPES.md from the schemas beside it; a test compares the two.

    contrib/hub_types.py > adapters/hub/TYPES.md
"""
import json
import pathlib

HUB = pathlib.Path(__file__).resolve().parents[1] / "adapters/hub"
HEAD = ["record", "type", "id"]
TAIL = ["related", "documents", "url", "sourceUrl", "language", "translations", "updated", "other"]


def shape(v):
    if "$ref" in v:
        return v["$ref"].split("/")[-1]
    if v.get("type") == "array":
        return "list of " + shape(v["items"])
    if "enum" in v:
        return " ".join(f"`{x}`" for x in v["enum"])
    if "const" in v:
        return f"`{v['const']}`"
    if v["type"] == "object":
        return "object" if "properties" in v else "texts by name"
    return {"boolean": "true, false", "integer": "whole number", "string": "text"}[v["type"]]


def table(schema, without=()):
    yield "| member | value | meaning |"
    yield "|---|---|---|"
    for name, v in schema["properties"].items():
        if name in without:
            continue
        yield f"| {f'**{name}**' if name in schema.get('required', ()) else name} | {shape(v)} | {v['description']} |"
        for inner, w in v.get("properties", {}).items():
            if inner != "other":
                yield f"| {name}.{inner} | {shape(w)} | {w['description']} |"


def page():
    common = json.loads((HUB / "common.json").read_text())["$defs"]
    types = {p.stem: json.loads(p.read_text()) for p in HUB.glob("*.json") if p.name != "common.json"}
    yield "# The types of the hub record, member by member"
    yield ""
    yield "Made by contrib/hub_types.py from the schemas; the rules are in [README.md](README.md). Required members are bold. `list of` is a JSON array."
    yield "Every record begins with `record`, `type` and `id`. Of these a type has those that its section names, always with the same meaning:"
    yield ""
    shared = {k: v for k, v in types["funding.award"]["properties"].items() if k in HEAD + TAIL}
    shared["type"] = {"type": "string", "description": shared["type"]["description"]}
    yield from table({"properties": shared, "required": HEAD})
    for name in sorted(types):
        s = types[name]
        yield from ("", f"## {name}", "", f"{s['description']} Also: " + ", ".join(f"`{k}`" for k in TAIL if k in s["properties"]) + ".", "")
        yield from table(s, HEAD + TAIL)
        yield ""
        yield "Attributes: " + ", ".join(f"`{a}` from `{p}`" for a, p in s["x-attributes"].items()) + "."
        for part, d in s.get("$defs", {}).items():
            yield from ("", f"`{part}` of {name}:", "")
            yield from table(d, ["other"])
    yield from ("", "## Shared shapes", "", "Each object may have `other`. The simple ones:", "", "| shape | rule |", "|---|---|")
    for part, d in common.items():
        if "properties" not in d:
            yield f"| {part} | {d.get('description', 'not empty' if 'minLength' in d else 'any text')} |"
    for part, d in common.items():
        if "properties" in d:
            yield from ("", f"### {part}", "")
            if "description" in d:
                yield from (d["description"][0].upper() + d["description"][1:] + ".", "")
            yield from table(d, ["other"])


if __name__ == "__main__":
    print("\n".join(page()))
