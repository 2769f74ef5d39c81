# SPDX-License-Identifier: Apache-2.0
"""Commands `reeve plugin …`, manual pages against option tables, exported symbols against the header."""
import json
import re
import subprocess

import pytest

from conftest import ROOT, program

PLUGINS = sorted(p.name for p in (ROOT / "plugins").iterdir() if p.name != "lib" and any(p.glob("*.c")))
ADAPTERS = sorted(p.name for p in (ROOT / "adapters").iterdir() if p.name != "lib" and any(p.glob("*.c")))


def plugin(*args, code=0, **more):
    run = subprocess.run([program("reeve-worker"), "plugin", *map(str, args)], capture_output=True, text=True, timeout=60, **more)
    assert run.returncode == code, run.stdout + run.stderr
    return run


def described(name):
    return json.loads(plugin("describe", name, "--json").stdout)


def test_every_plugin_and_adapter_is_listed():
    lines = plugin("list").stdout.splitlines()
    assert {tuple(line.split()[:2]) for line in lines} >= {("plugin", p) for p in PLUGINS} | {("adapter", a) for a in ADAPTERS}
    documents = json.loads(plugin("list", "--json").stdout)
    assert not [d for d in documents if "error" in d]


@pytest.mark.parametrize("name", PLUGINS)
def test_manual_page_and_option_table_agree(name):
    page = (ROOT / "plugins" / name / f"reeve-{name}.7").read_text()
    section = page.split(".Sh OPTIONS")[1].split(".Sh ")[0]
    documented = re.findall(r"^\.It Cm (\S+)$", section, re.M)
    options = {o["key"]: o for o in described(name)["options"]}
    assert sorted(documented) == sorted(options)
    for key, text in re.findall(r"^\.It Cm (\S+)\n(.*?)(?=^\.It |^\.El)", section, re.M | re.S):
        default = options[key].get("default")
        said = re.search(r"^Default: (.*)\.$", text, re.M)
        assert (said and said[1]) == default, key
        assert ("Required." in text) == options[key]["required"], key


@pytest.mark.parametrize("name", PLUGINS)
def test_every_option_has_a_sentence_of_help(name):
    for option in described(name)["options"]:
        assert option["help"].endswith("."), option["key"]


def test_describe_is_readable_and_suggests():
    assert "concurrency: int, 1..64, deliver only, default 8" in plugin("describe", "http").stdout
    assert 'did you mean "http"' in plugin("describe", "htp", code=1).stderr


def functions_of_the_header():
    text = (ROOT / "core/include/reeve/plugin.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S).split("#pragma GCC visibility push")[1]
    return set(re.findall(r"\b(reeve_\w+)\s*\(", text))


def exported_list():
    return set(re.findall(r"\breeve_\w+", (ROOT / "core/reeve.syms").read_text()))


def symbols(path, *options):
    out = subprocess.run(["nm", "-D", *options, path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines()}


def test_header_export_list_and_program_have_the_same_functions():
    assert functions_of_the_header() == exported_list()
    ours = {s for s in symbols(program("reeve-worker"), "--defined-only") if s.startswith("reeve_")}
    assert ours == exported_list()


@pytest.mark.parametrize("name", [f"plugins/{p}" for p in PLUGINS] + [f"adapters/{a}" for a in ADAPTERS])
def test_a_module_defines_one_symbol_and_needs_only_services_that_exist(name):
    from conftest import module
    path = module(name)
    assert symbols(path, "--defined-only") == {"reeve_plugin_entry"}
    needed = {s for s in symbols(path, "--undefined-only") if s.startswith("reeve_")}
    assert needed <= exported_list()


def test_the_frozen_header_is_not_shorter_than_its_release():
    """Names and numbers of the first release are all in the present header, in the same order."""
    frozen = (ROOT / "tests/abi/1/reeve/plugin.h").read_text()
    present = (ROOT / "core/include/reeve/plugin.h").read_text()
    defines = r"^#define (REEVE_\w+)\s+(\d+u?)\b"
    assert set(re.findall(defines, frozen, re.M)) <= set(re.findall(defines, present, re.M))
    strip = lambda text: re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = lambda text: re.findall(r"\b(reeve_\w+)\s*\(", strip(text).split("visibility push")[1])
    assert set(declared(frozen)) <= set(declared(present))


# ---- try

@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps({"specversion": "1.0", "id": f"e{i}", "source": "//x/y", "type": "funding.award",
                                        "place": "E07" if i % 2 else "W06", "data": {"i": i}}) + "\n" for i in range(6)))
    return path


def verdicts(*args, code=0):
    return [(v["id"], v["verdict"], v["reason"]) for v in map(json.loads, plugin("try", *args, "--json", code=code).stdout.splitlines())]


def test_try_prints_a_verdict_for_each_message(events):
    assert verdicts("null", "--deliver", events) == [(f"e{i}", "OK", "") for i in range(6)]


@pytest.mark.parametrize("options,failing", [
    (["verdict=reject"], [0, 1, 2, 3, 4, 5]),
    (["verdict=reject", "after=4"], [4, 5]),
    (["verdict=reject", "every=3"], [2, 5]),
    (["verdict=reject", "after=1", "every=2"], [2, 4]),
    (["verdict=reject", "times=2"], [0, 1]),
    (["verdict=reject", "when_attribute=place", "when_value=E07"], [1, 3, 5]),
    (["verdict=reject", "when_attribute=place", "when_value=E07", "after=1"], [3, 5]),
    (["verdict=reject", "when_attribute=amount"], []),
    (["verdict=ok"], []),
])
def test_fail_follows_its_rules(events, options, failing):
    args = [a for o in options + ["reason=no room"] for a in ("-o", o)]
    got = verdicts("fail", *args, "--deliver", events, code=1 if failing else 0)
    assert [v for v in got] == [(f"e{i}", "REJECT", "no room") if i in failing else (f"e{i}", "OK", "") for i in range(6)]


def test_fail_spares_later_attempts(events):
    args = ["fail", "-o", "first=2", "--deliver", events]
    assert {v[1] for v in verdicts(*args, "--attempt", 2, code=1)} == {"RETRY"}
    assert {v[1] for v in verdicts(*args, "--attempt", 3)} == {"OK"}


def test_fail_crashes_and_hangs(events):
    worker = program("reeve-worker")
    run = subprocess.run([worker, "plugin", "try", "fail", "-o", "crash=true", "--deliver", events], capture_output=True, timeout=30)
    assert run.returncode < 0
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([worker, "plugin", "try", "fail", "-o", "hang=true", "--deliver", events], capture_output=True, timeout=1)
    assert "open says FATAL" in plugin("try", "fail", "-o", "at=open", "-o", "verdict=fatal", "--deliver", events, code=1).stderr


def test_try_says_what_is_wrong_with_its_arguments(events, tmp_path):
    assert 'did you mean "verdict"' in plugin("try", "fail", "-o", "verdit=ok", "--deliver", events, code=1).stderr
    assert "option url is required" in plugin("try", "http", "--deliver", events, code=1).stderr
    assert "one of --check" in plugin("try", "fail", code=64).stderr
    assert "--speaks NAME is for --deliver" in plugin("try", "null", "--speaks", "cloudevents", "--check", code=64).stderr
    assert "-O is for the adapter of --speaks NAME: mode=binary" in plugin("try", "null", "-O", "mode=binary", "--deliver", events, code=64).stderr
    assert 'did you mean "mode"' in plugin("try", "null", "--speaks", "cloudevents", "-O", "mod=binary", "--deliver", events, code=1).stderr
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"specversion":"1.0"}\n')
    assert "broken.jsonl:1" in plugin("try", "null", "--deliver", broken, code=1).stderr
    assert "does not deliver" not in plugin("try", "null", "--receive", code=1).stderr


def test_file_receives_and_delivers(events, tmp_path):
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    (inbox / "a.json").write_text("{}")
    args = ["try", "file", "-o", f"directory={inbox}", "-o", "settle=100ms", "--receive", "--for", "1s"]
    assert "submitted a.json (application/json, 2 bytes)" in plugin(*args).stdout
    assert (inbox / "a.json").exists()
    plugin(*args, "--settle", "reject")
    assert (inbox / "failed" / "a.json").exists() and (inbox / "failed" / "a.json.report.txt").exists()
    plugin("try", "file", "-o", f"directory={outbox}", "--deliver", events)
    plugin("try", "file", "-o", f"directory={outbox}", "--deliver", events)
    assert len(list(outbox.iterdir())) == 6
    assert sorted(json.loads(p.read_text())["id"] for p in outbox.iterdir()) == [f"e{i}" for i in range(6)]
