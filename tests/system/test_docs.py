# SPDX-License-Identifier: Apache-2.0
"""The documentation is right: examples that say so are run, compiled or checked (tests/README.md "Documentation"), manual pages are
clean and name every option, links lead somewhere, and lists in the text agree with the program."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, module, program, reeve, run

FENCE = re.compile(r"^```(\w+) (\w+)([^\n]*)\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]


def readmes():
    return sorted(p for p in ROOT.rglob("*.md") if not {"build", ".git"} & set(p.relative_to(ROOT).parts))


def blocks(language, mark):
    found = []
    for path in readmes():
        text = path.read_text()
        for m in FENCE.finditer(text):
            if (m[1], m[2]) == (language, mark):
                line = text.count("\n", 0, m.start()) + 1
                found.append(pytest.param(m[4], m[3].strip(), id=f"{path.relative_to(ROOT)}:{line}"))
    return found or [pytest.param(None, "", id="none")]


@pytest.fixture
def scratch(tmp_path):
    """What an example finds: the sample hub, the demo's data, an adapter in Python, reeve in PATH."""
    shutil.copy(ROOT / "plugins/exec/examples/housing.py", tmp_path)
    shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("var", "secrets"))
    shutil.copytree(ROOT / "contrib/demo/data", tmp_path / "data")
    return tmp_path


@pytest.mark.parametrize("code, how", blocks("sh", "run"))
def test_shell_example_runs(scratch, code, how):
    if code is None:
        pytest.skip("no such example")
    program("reeve"), program("reeve-worker")
    wanted = int(re.search(r"exit=(\d+)", how).group(1)) if "exit=" in how else 0
    done = run("bash", "-e", "-o", "pipefail", "-c", code, cwd=scratch, env={"PATH": f"{BUILD}:{os.environ['PATH']}"})
    # `… | head` ends the writer early: that is not the example's fault
    assert done.returncode in {wanted, 141 if "| head" in code else wanted}, done.stderr
    if wanted == 0 and "check" not in code:
        assert done.stdout.strip(), "an example that prints nothing shows nothing"


@pytest.mark.parametrize("code, how", blocks("yaml", "check"))
def test_configuration_example_is_accepted(tmp_path, code, how):
    if code is None:
        pytest.skip("no such example")
    program("reeve-worker")
    (tmp_path / "hub.yaml").write_text(code)
    done = reeve("check", "-c", tmp_path / "hub.yaml", "--without-secrets")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("code, how", blocks("c", "plugin"))
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_plugin_example_compiles_and_loads(tmp_path, compiler, code, how):
    if code is None:
        pytest.skip("no such example")
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    (tmp_path / "p.c").write_text(code)
    done = run(compiler, *WARNINGS, "-shared", "-fPIC", "-fvisibility=hidden", "-I", ROOT / "core/include", "-o", tmp_path / "p.so",
               tmp_path / "p.c")
    assert done.returncode == 0, done.stderr
    program("reeve-worker")
    about = reeve("plugin", "describe", tmp_path / "p.so")
    assert about.returncode == 0, about.stderr
    assert re.search(r'\.name = "([^"]+)"', code).group(1) in about.stdout


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in readmes()])
def test_links_lead_somewhere(path):
    for target in LINK.findall(re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.S | re.M)):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def pages():
    return sorted(p for top in ("plugins", "adapters", "contrib", "core") for p in (ROOT / top).rglob("*.[1-8]"))


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in pages()] or [pytest.param(None, id="none")])
def test_manual_page_is_clean(path):
    if path is None:
        pytest.skip("there are no manual pages")
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    done = run("mandoc", "-T", "lint", "-W", "warning", path)
    assert done.returncode == 0, done.stdout + done.stderr


def modules():
    return sorted(p.parent for top in ("plugins", "adapters") for p in (ROOT / top).glob("*/*.c") if p.parent.name != "lib")


@pytest.mark.parametrize("folder", [pytest.param(p, id=f"{p.parent.name}-{p.name}") for p in dict.fromkeys(modules())])
def test_module_has_a_page_that_names_its_options(folder):
    page = folder / f"reeve-{folder.name}.7"
    assert page.exists(), f"{folder.relative_to(ROOT)} has no manual page {page.name}"
    module(f"{folder.parent.name}/{folder.name}")
    done = run(program("reeve-worker"), "describe", BUILD / folder.parent.name / f"{folder.name}.so")
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    for option in json.loads(done.stdout)["options"]:
        assert re.search(rf"^\.It .*\b{re.escape(option['key'])}\b", text, re.M), f"{page.name} does not explain {option['key']}"


# of the adapters that check JSON by tables: the codes of adapters/lib that cannot occur, since no table has such a member
JSON_ADAPTERS = {"360giving": {"not-an-integer", "not-a-boolean"}, "ocds": {"country-unknown", "yes-no", "negative", "date-format"}}


@pytest.mark.parametrize("name", JSON_ADAPTERS)
def test_codes_of_json_adapters_are_all_explained(name):
    text = (ROOT / f"adapters/{name}/README.md").read_text()
    files = [*(ROOT / f"adapters/{name}").glob("*.c"), ROOT / "adapters/lib/json_check.c", ROOT / "adapters/lib/json_document.c"]
    source = re.sub(r"/\*.*?\*/", "", "".join(p.read_text() for p in files), flags=re.S)
    calls = re.findall(r"\b(?:warn|wrong|check_report|json_document_(?:issue|over_limit)|unreadable_at)\(([^;]*)\);", source, re.S)
    calls += re.findall(r"\.code = (\"[^\"]*\")", source)
    codes = {c for call in calls for c in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', call)} - JSON_ADAPTERS[name]
    assert len(codes) > 25, "the codes are no longer found in the source"
    assert codes <= set(re.findall(r"`([a-z-]+)`", text)), sorted(codes - set(re.findall(r"`([a-z-]+)`", text)))


def test_codes_of_iati_are_all_explained():
    text = (ROOT / "adapters/iati/README.md").read_text()
    source = "".join(re.sub(r"/\*.*?\*/", "", p.read_text(), flags=re.S) for p in (ROOT / "adapters/iati").glob("*.c") if p.name != "grammar.c")
    calls = re.findall(r"\b(?:walk_issue|walk_fault|walk_unreadable)\(([^;]*)\);", source, re.S) + re.findall(r"words\[\] = \{(.*?)\};", source, re.S)
    codes = {c for call in calls for c in re.findall(r'[,{]\s*"([a-z]+(?:-[a-z]+)+)"', call)} - {"iati-organisations"}
    assert len(codes) > 20, "the codes are no longer found in the source"
    assert codes <= set(re.findall(r"`([a-z-]+)`", text)), sorted(codes - set(re.findall(r"`([a-z-]+)`", text)))


@pytest.mark.parametrize("name, files, few", [("spend-csv", ["decode.c", "record.c"], 18), ("360giving", ["sheet.c"], 12)])
def test_codes_of_tables_are_all_explained(name, files, few):
    files = [ROOT / "adapters/lib/csv_document.c", *(ROOT / f"adapters/{name}" / f for f in files)]
    source = re.sub(r"/\*.*?\*/", "", "".join(p.read_text() for p in files), flags=re.S)
    codes = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+|spreadsheet)"', source))
    assert len(codes) > few, "the codes are no longer found in the source"
    text = (ROOT / f"adapters/{name}/README.md").read_text()
    assert codes <= set(re.findall(r"`([a-z0-9-]+)`", text)), sorted(codes - set(re.findall(r"`([a-z0-9-]+)`", text)))


def test_message_types_of_the_readme_are_those_of_the_hub():
    text = (ROOT / "adapters/README.md").read_text()
    known = re.findall(r'\{"([a-z.]+)", (true|false)\}', (ROOT / "core/message/identity.c").read_text())
    table = dict(re.findall(r"^\| `([a-z]+\.[a-z.]+)` \|[^|]*\| ?([^|]*?) ?\|$", text, re.M))
    assert set(table) == {name for name, _ in known}
    assert {n for n, w in table.items() if w == "yes"} == {n for n, personal in known if personal == "true"}


def test_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text().split("## Commands")[1].split("## Folders")[0]
    helps = reeve("--help").stdout
    for name in re.findall(r"^\| `reeve ([a-z]+)", text, re.M):
        assert re.search(rf"^\s+{name}\b", helps, re.M), f"reeve --help does not know {name}"


def test_readme_has_the_two_commands():
    text = (ROOT / "README.md").read_text()
    assert "    contrib/setup && make demo\n" in text and "    contrib/setup test && make test\n" in text
