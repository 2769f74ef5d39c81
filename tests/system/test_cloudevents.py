# SPDX-License-Identifier: Apache-2.0
"""`reeve decode cloudevents` on the published examples: what the standard allows is read, whatever types a hub would take."""
import json
import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", "build")).resolve()
SHARED = pathlib.Path(os.environ.get("REEVE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
EVENTS = SHARED / "fixtures" / "cloudevents"


def decode(path):
    run = subprocess.run([BUILD / "reeve", "decode", "cloudevents", str(path)], capture_output=True, text=True, timeout=60)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()], run.stderr


def expectations():
    file = EVENTS / "expected.json"
    return sorted(json.loads(file.read_text()).items()) if file.exists() else []


def test_examples_are_there():
    if not expectations():
        pytest.skip("the CloudEvents examples are not beside this checkout (REEVE_SHARED)")


@pytest.mark.parametrize("name, want", expectations())
def test_published_examples(name, want):
    code, events, words = decode(EVENTS / name)
    good = [e for e in want["events"] if not e["problems"]]
    assert code == (0 if len(good) == len(want["events"]) else 1), words
    assert [e["id"] for e in events] == [e["id"] for e in good]
    assert [sorted(set(e) - {"data", "data_base64"}) for e in events] == [sorted(e["attributes"]) for e in good]


def test_a_type_of_ones_own_is_a_warning_where_there_is_no_hub(tmp_path):
    event = {"specversion": "1.0", "id": "1", "source": "//own", "type": "funding.awards"}
    (tmp_path / "e.json").write_text(json.dumps(event))
    code, events, words = decode(tmp_path / "e.json")
    assert code == 0 and events == [event]
    assert "warning" in words and "did you mean funding.award?" in words and "[type-unknown]" in words
