# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what the programs say: commands and options of the table, keys of the grammar, both ways; and they are installed."""
import json
import os
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, program, reeve, run

MAN = ROOT / "contrib/man"


def links():
    return dict(line.split() for line in (MAN / "links").read_text().splitlines())


def commands():
    return {c["name"]: c for c in json.loads(reeve("help", "--json").stdout)["commands"]}


def page_of(command):
    """The page of a command: its own, the one its link leads to, or reeve(1)."""
    name = f"reeve-{command}.1"
    own = MAN / links().get(name, name)
    return own if own.exists() else MAN / "reeve.1"


def options_in(text):
    found = set()
    for line in re.findall(r"^\.It (.*\bFl\b.*)$", text, re.M):
        for word in re.findall(r"\bFl (\S+)", line):
            found.add("--" + word[2:] if word.startswith("\\-") else "-" + word)
    return found


def test_every_command_has_a_page_with_its_options_and_no_others():
    overview = (MAN / "reeve.1").read_text()
    for name, c in commands().items():
        assert re.search(rf"^\.It Cm {name}$", overview, re.M), f"reeve(1) does not list {name}"
        page = page_of(name)
        text = page.read_text()
        if page.name == "reeve.1" and not c["options"]:
            continue  # its options are those of `help`
        if page.name != "reeve.1":
            assert f"Nm reeve-{name}" in text, f"{page.name} does not name {name}"
            text = re.split(rf"^\.Ss reeve {name}$", text, flags=re.M)[1]
            text = re.split(r"^\.S[sh] ", text, flags=re.M)[0]
        want = {"--" + o["name"] for o in c["options"] if "name" in o} | {"-" + o["letter"] for o in c["options"] if "letter" in o}
        assert options_in(text) == want, f"{page.name}: {name}"
    listed = set(re.findall(r"^\.It Cm ([a-z]+)$", overview.split(".Bl")[1], re.M))
    assert listed == set(commands())


def keys(fields, prefix=""):
    for f in fields:
        yield prefix + f["key"]
        yield from keys(f.get("fields", []), prefix + f["key"] + (".NAME." if f["shape"] == "named" else "."))


@pytest.mark.parametrize("table,section", [("configuration", "The hub"), ("receive", "receive"), ("deliver", "deliver"),
                                           ("alternative", "Routes"), ("case", "Cases")])
def test_the_keys_of_a_configuration_are_those_of_the_page(table, section):
    grammar = json.loads(run(program("reeve-worker"), "grammar").stdout)
    text = re.split(rf"^\.Ss {section}$", (MAN / "reeve.yaml.5").read_text(), flags=re.M)[1]
    text = re.split(r"^\.S[sh] ", text, flags=re.M)[0]
    assert set(re.findall(r"^\.It Cm (\S+)$", text, re.M)) == set(keys(grammar[table]))


def test_every_program_has_a_page():
    for name in ("reeve-worker", "reeve-door", "reeve-spool"):
        assert f".Nm {name}" in (MAN / f"{name}.8").read_text()


def test_references_lead_to_pages():
    there = {p.name for top in ("plugins", "adapters", "contrib") for p in (ROOT / top).rglob("*.[1-8]")} | set(links())
    for page in MAN.glob("*.[1-8]"):
        for name, section in re.findall(r"^\.Xr (\S+) (\d)", page.read_text(), re.M):
            assert f"{name}.{section}" in there or name == "systemd", f"{page.name}: {name}({section})"


def test_pages_and_completion_are_installed(tmp_path):
    for name in ("reeve", "reeve-worker", "reeve-door", "reeve-spool"):
        program(name)
    out = (BUILD / "reeve").resolve().parent  # build/ has links into build/VARIANT
    variant = out.name if out.name in ("debug", "release", "asan", "tsan") else "debug"
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    subprocess.run(["make", "-s", f"O={out}", f"BUILD={variant}", f"DESTDIR={tmp_path}", "PREFIX=/usr", "install"], cwd=ROOT, env=clean,
                   check=True, timeout=600, stdout=subprocess.DEVNULL)
    man = tmp_path / "usr/share/man"
    for page in MAN.glob("*.[1-8]"):
        assert (man / f"man{page.suffix[1:]}" / page.name).read_text() == page.read_text()
    assert (man / "man7/reeve-http.7").exists()
    for shell, name in (("bash", "bash-completion/completions/reeve"), ("zsh", "zsh/site-functions/_reeve"),
                        ("fish", "fish/vendor_completions.d/reeve.fish")):
        assert (tmp_path / "usr/share" / name).read_text() == reeve("completion", shell).stdout
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    for alias, page in links().items():
        shown = run("mandoc", "-T", "ascii", man / "man1" / alias, cwd=man)
        assert page.split(".")[0].upper() in shown.stdout, alias
