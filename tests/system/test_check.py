# SPDX-License-Identifier: Apache-2.0
"""`reeve check` on real modules: the sample hub, the manual's examples, the contract of output and exit code."""
import json
import os
import pathlib
import re
import shutil

import pytest

from conftest import ROOT, module, program, reeve, run

FINDING = re.compile(r"^[^:]+:\d+:\d+: (error|warning): .+ \[[a-z0-9-]+\]$")
MANUAL = ROOT / "config" / "README.md"


@pytest.fixture(autouse=True)
def built():
    program("reeve-worker")
    for name in ("plugins/http", "plugins/file", "adapters/360giving", "adapters/cloudevents"):
        module(name)


def check(path, *more, env=None):
    r = reeve("check", "-c", path, *more, env=env)
    assert "Sanitizer" not in r.stderr
    return r


def write(base, files):
    for name, text in files.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return base


def blocks():
    """The manual's YAML: (line, path or None, text). A first line `# PATH` says where a block stands."""
    found = []
    text = MANUAL.read_text()
    for m in re.finditer(r"^```yaml\n(.*?)^```$", text, re.S | re.M):
        line = text[:m.start()].count("\n") + 1
        first = re.match(r"# (\S+\.(?:yaml|txt))\n", m.group(1))
        found.append((line, first.group(1) if first else None, m.group(1)))
    return found


EXAMPLES = [(line, text) for line, path, text in blocks() if path is None]


def test_the_sample_hub_is_without_findings():
    r = check(ROOT / "config", "--without-secrets")
    assert (r.returncode, r.stdout) == (0, "")


def test_the_sample_hub_with_its_secrets_is_without_findings(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "c", ignore=shutil.ignore_patterns("var", "secrets"))
    r = check(tmp_path / "c")
    assert r.returncode == 1
    lines = r.stdout.splitlines()
    assert len(lines) == 2 and all("[secret-file]" in x for x in lines)
    (tmp_path / "c/secrets").mkdir(mode=0o700)
    for name in ("dcms.token", "cases.token"):
        (tmp_path / "c/secrets" / name).write_text("0123456789abcdef" + name + "\n")
        (tmp_path / "c/secrets" / name).chmod(0o600)
    r = check(tmp_path / "c")
    assert (r.returncode, r.stdout) == (0, "")
    assert not (tmp_path / "c/var").exists()


@pytest.mark.parametrize("line,text", EXAMPLES, ids=[f"line-{line}" for line, _ in EXAMPLES])
def test_the_manuals_examples_pass(tmp_path, line, text):
    others = {path: body for _, path, body in blocks() if path}
    files = {"example.yaml": text, **others}
    if not re.search(r"^hub:", text, re.M):
        files["base.yaml"] = EXAMPLES[0][1]
    write(tmp_path, files)
    r = check(tmp_path, "--without-secrets")
    assert not [x for x in r.stdout.splitlines() if ": error: " in x], r.stdout
    assert r.returncode == 0
    assert "auth-missing" not in r.stdout


def test_the_manual_tells_every_key_of_the_grammar():
    source = (ROOT / "core/config/grammar.c").read_text()
    keys = set(re.findall(r'\{"([a-z_]+)",\s*SHAPE_', source))
    assert len(keys) > 40
    words = set(re.findall(r"`([a-z_]+)(?::[^`]*)?`", MANUAL.read_text()))
    assert not keys - words


def test_every_finding_has_the_form_of_the_contract(tmp_path):
    write(tmp_path, {
        "a.yaml": "hub: h\nunrouted: {drop: x}\nparties: {us: {name: Us, role: hub}}\ndor: {}\n",
        "b.yaml": "connectors:\n"
                  "  d: {party: su, deliver: {plugin: file, directry: x, speaks: 360givin}}\n"
                  "  e: {party: us, deliver: {plugin: htp}}\n"
                  "  f: {party: us, deliver: {plugin: http, url: x, bearer: hunter2}}\n"
                  "routes: {r: {to: g, when: type IN ('a', 'b')}}\n",
    })
    r = check(tmp_path)
    assert r.returncode == 1
    lines = r.stdout.splitlines()
    assert all(FINDING.match(x) for x in lines), lines
    codes = [re.search(r"\[([a-z0-9-]+)\]$", x).group(1) for x in lines]
    assert codes == ["unknown-key", "when-cut"]  # the second file's YAML is broken: no guesses about names
    (tmp_path / "b.yaml").write_text((tmp_path / "b.yaml").read_text().replace(", when: type IN ('a', 'b')", ""))
    r = check(tmp_path)
    codes = sorted(re.search(r"\[([a-z0-9-]+)\]$", x).group(1) for x in r.stdout.splitlines() if ": error: " in x)
    assert codes == ["bad-value", "option-required", "secret-plain", "unknown-adapter", "unknown-destination", "unknown-key",
                     "unknown-option", "unknown-party", "unknown-plugin"]
    assert "did you mean `directory`?" in r.stdout
    assert "hunter2" not in r.stdout + r.stderr


def test_print_shows_the_effective_result_and_no_secret(tmp_path):
    write(tmp_path, {"c.yaml": "hub: h\nunrouted: {to: d}\nparties: {us: {name: Us, role: hub}}\n"
                               "defaults: {deliver: {http: {timeout: 7s}}}\n"
                               "connectors: {d: {party: us, deliver: {plugin: http, url: \"http://x\", bearer: \"${env:T}\"}}}\n"})
    r = check(tmp_path / "c.yaml", "--print", env={"T": "do-not-show-this"})
    assert r.returncode == 0
    assert "timeout: 7s" in r.stdout and '"${env:T}"' in r.stdout
    assert "do-not-show-this" not in r.stdout + r.stderr
    (tmp_path / "again.yaml").write_text(r.stdout)
    assert check(tmp_path / "again.yaml", env={"T": "do-not-show-this"}).returncode == 0


def plan_of(config, env=None):
    read, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        import subprocess
        child = subprocess.Popen([program("reeve-worker"), "compile", "-c", str(config), "--plan-fd", str(write_end)],
                                 pass_fds=(write_end,), stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
    finally:
        os.close(write_end)
    with os.fdopen(read, "rb") as stream:
        text = stream.read()
    errors = child.stderr.read().decode()
    child.stderr.close()
    return child.wait(), text, errors


def test_compile_gives_the_whole_plan_or_nothing(tmp_path):
    good = "hub: h\nunrouted: {to: d}\nparties: {us: {name: Us, role: hub}}\n" \
           "connectors: {d: {party: us, deliver: {plugin: file, directory: out}}}\n"
    write(tmp_path, {"c.yaml": good})
    code, text, errors = plan_of(tmp_path / "c.yaml")
    assert (code, errors) == (0, "")
    plan = json.loads(text)
    assert [p["name"] for p in plan["processes"]] == ["d.deliver", "spool"]
    part = plan["processes"][0]["part"]
    assert part["plugin"]["options"]["directory"] == [str(tmp_path / "out")]
    assert pathlib.Path(part["plugin"]["file"]).is_absolute()
    assert (tmp_path / "var/key").stat().st_mode & 0o777 == 0o600
    assert plan_of(tmp_path / "c.yaml")[1] == text
    write(tmp_path, {"c.yaml": good.replace("us, d", "we, d")})
    code, text, errors = plan_of(tmp_path / "c.yaml")
    assert code == 1 and text == b"" and "[unknown-party]" in errors


def test_wrong_arguments_are_a_usage_error():
    assert run(program("reeve-worker"), "check", "--prnt").returncode == 64
    assert run(program("reeve-worker"), "compile", "-c", "x").returncode == 64
