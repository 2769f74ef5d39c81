# SPDX-License-Identifier: Apache-2.0
"""The table of commands: every command takes the options it is said to take, and the shells complete from it."""
import json
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, program, reeve, run

SAMPLE = ROOT / "config"


def commands():
    return json.loads(reeve("help", "--json").stdout)["commands"]


def option_words(command):
    for o in command["options"]:
        yield from (["--" + o["name"]] if "name" in o else []) + (["-" + o["letter"]] if "letter" in o else [])


def test_the_table_names_what_help_names():
    names = [c["name"] for c in commands()]
    lines = reeve("--help").stdout.splitlines()
    assert names == [line.split()[0] for line in lines if line.startswith("  ")]
    for c in commands():
        text = reeve(c["name"], "--help").stdout
        assert all(f" {word}" in text for word in option_words(c)), c["name"]


@pytest.mark.parametrize("command", [c for c in commands() if c["name"] not in ("help", "plugin", "eval")], ids=lambda c: c["name"])
def test_a_command_refuses_what_is_not_in_the_table(command):
    r = reeve(command["name"], "--no-such-option", timeout=20)
    assert r.returncode != 0 and r.stderr


def test_every_option_of_the_table_is_known_to_its_command():
    """Given without what it needs an option may be refused for that, never for being unknown."""
    for c in commands():
        for word in option_words(c):
            r = reeve(c["name"], word, timeout=20, cwd="/")
            assert "unrecognized" not in r.stderr and "invalid option" not in r.stderr, (c["name"], word, r.stderr)


BASH = '''source <({exe} completion bash)
COMP_WORDS=({words}) COMP_CWORD={at}
_reeve
printf '%s\\n' "${{COMPREPLY[@]}}"
'''


def complete(*words):
    """What bash offers for the last of these words."""
    quoted = " ".join("'" + str(w).replace("'", "'\\''") + "'" for w in ("reeve", *words))
    script = BASH.format(exe=program("reeve"), words=quoted, at=len(words))
    r = run("bash", "-c", script, env={"PATH": f"{BUILD}:/usr/bin:/bin"})
    assert r.returncode == 0 and r.stderr == "", r.stderr
    return set(r.stdout.split())


def test_bash_completes_commands_words_options_and_names():
    assert complete("sta") == {"status"}
    assert complete("dead", "re") == {"replay"}
    assert {"--destination", "--dry-run", "--help"} <= complete("dead", "list", "--")
    assert complete("plugin", "try", "file", "--settle", "re") == {"retry", "reject"}
    assert complete("pause", "-c", SAMPLE, "s") == {"shelter", "scrutiny"}
    assert complete("dead", "list", "-c", SAMPLE, "--destination", "tri") == {"triage"}
    assert complete("explain", "-c", SAMPLE, "--from", "dcms") == {"dcms-grants"}
    assert complete("decode", "360") == {"360giving"}
    assert complete("convert", "360giving", "cloud") == {"cloudevents"}
    assert complete("convert", "360giving", "cloudevents", str(SAMPLE / "rout")) == {str(SAMPLE / "routes.yaml")}
    assert complete("decode", "360giving", str(SAMPLE / "rout")) == {str(SAMPLE / "routes.yaml")}
    assert complete("trace", "") == set() and complete("nonsense", "") == set()
    assert complete("pause", "-c", "/nowhere", "") == set()


def test_a_word_on_the_line_is_never_executed(tmp_path):
    complete("pause", "-c", f"$(touch {tmp_path}/x)", "`touch " + str(tmp_path) + "/y`")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_right_for_its_shell(shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = reeve("completion", shell)
    assert script.returncode == 0
    assert subprocess.run([shell, "-n"], input=script.stdout, text=True, capture_output=True).stderr == ""


def test_fish_completes_names():
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script = f"source (reeve completion fish | psub); complete -C 'reeve pause -c {SAMPLE} sh'; complete -C 'reeve dead dis'"
    r = run("fish", "--no-config", "-c", script, env={"PATH": f"{BUILD}:/usr/bin:/bin"})
    assert r.stdout.split("\n")[0].split("\t")[0] == "shelter" and "discard" in r.stdout, r.stdout + r.stderr


def test_zsh_completes_names(tmp_path):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    script = f"""autoload -Uz compinit && compinit -D -d {tmp_path}/dump
source <(reeve completion zsh)
emulate ksh
COMP_WORDS=(reeve pause -c {SAMPLE} sh) COMP_CWORD=4
_reeve
print -l "${{COMPREPLY[@]}}" """
    r = run("zsh", "-f", "-c", script, env={"PATH": f"{BUILD}:/usr/bin:/bin"})
    assert "shelter" in r.stdout.split(), r.stdout + r.stderr  # zsh itself takes those that fit
