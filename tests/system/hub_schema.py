# SPDX-License-Identifier: Apache-2.0
"""The schemas of the hub record (adapters/hub), as validators."""
import functools
import json
import warnings

import pytest
from conftest import ROOT

HUB = ROOT / "adapters/hub"
TYPES = sorted(p.stem for p in HUB.glob("*.json") if p.name != "common.json")


def closed(schema):
    """The schema without room for members that it does not name: a misspelt one is a fault."""
    if isinstance(schema, list):
        return [closed(x) for x in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: closed(v) for k, v in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        out["additionalProperties"] = False
    return out


@functools.lru_cache(maxsize=None)
def validator(name, strict=False):
    """strict: as our own adapters must write it; else as a reader must take it."""
    jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
    wanted = closed if strict else lambda s: s
    schema = wanted(json.loads((HUB / f"{name}.json").read_text()))
    common = wanted(json.loads((HUB / "common.json").read_text()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions than Debian's have another way
        resolver = jsonschema.RefResolver(f"file:///hub/{name}.json", schema, store={"file:///hub/common.json": common})
        return jsonschema.Draft202012Validator(schema, resolver=resolver)


def faults(record, strict=True):
    """(pointer, keyword) of everything that is wrong with a record."""
    return {("/" + "/".join(str(x) for x in e.absolute_path), e.validator) for e in validator(record["type"], strict).iter_errors(record)}
