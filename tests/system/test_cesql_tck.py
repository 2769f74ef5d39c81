# SPDX-License-Identifier: Apache-2.0
"""The CESQL TCK files of the shared test data through `reeve eval`, one process a case.

One case contradicts the specification's cast table and is expected the other way round (the published SDKs have it so):
"Invalid int cast", NOT 10, is false without an error. Scalars are read as the TCK means them: an expression is its text,
an unquoted true, false or integer elsewhere is that, a time is a string.
"""
import json
import re
import subprocess

import pytest

from conftest import program, shared

yaml = pytest.importorskip("yaml")

EVENT = {"specversion": "1.0", "id": "1", "source": "//example/tck", "type": "tck.event"}
FILES = ("binary_comparison_operators", "binary_math_operators", "case_sensitivity", "casting_functions",
         "exists_expression", "literals", "not_operator", "parse_errors", "spec_examples")
CORRECTED = {"Invalid int cast": (False, [])}


def plain(node, key=None):
    if isinstance(node, yaml.MappingNode):
        return {k.value: plain(v, k.value) for k, v in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(v) for v in node.value]
    if key == "expression" or node.style is not None:
        return node.value
    if node.value.lower() in ("true", "false"):
        return node.value.lower() == "true"
    return int(node.value) if re.fullmatch(r"-?\d+", node.value) else node.value


def evaluate(expression, event, where):
    path = where / "event.json"
    path.write_text(json.dumps(event))
    r = subprocess.run([program("reeve"), "eval", expression, "--event", str(path)], capture_output=True, text=True,
                       timeout=20)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


@pytest.mark.parametrize("name", FILES)
def test_tck(name, tmp_path):
    program("reeve")
    suite = plain(yaml.compose(shared(f"fixtures/cesql/{name}.yaml").read_text()))
    wrong = []
    for case in suite["tests"]:
        event = dict(case.get("event", EVENT))
        event.update(case.get("eventOverrides", {}))
        got = evaluate(case["expression"], event, tmp_path)
        errors = [case["error"]] if case.get("error") else []
        result, errors = CORRECTED.get(case["name"], (case.get("result", got["value"]), errors))
        if type(got["value"]) is not type(result) or got["value"] != result or got["errors"] != errors:
            wrong.append(f"{case['name']}: {case['expression']}: {got}, wanted {result} {errors}")
    assert not wrong, "\n".join(wrong)


def test_a_native_integer_keeps_its_type(tmp_path):
    event = dict(EVENT, amount=250, flag=True)
    assert evaluate("amount + 1", event, tmp_path) == {"value": 251, "errors": []}
    assert evaluate("flag", event, tmp_path) == {"value": True, "errors": []}
    assert evaluate("missing = 1", event, tmp_path) == {"value": False, "errors": ["missingAttribute"]}
