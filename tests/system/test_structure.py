# SPDX-License-Identifier: Apache-2.0
"""What the programs are linked with, what they export, and who includes whom: the walls that the design draws, checked on what was built."""
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT, program, run

MODULES = sorted(p.relative_to(ROOT).as_posix() for kind in ("plugins", "adapters") for p in (ROOT / kind).iterdir()
                 if p.name != "lib" and any(p.glob("*.c")))


def tool(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


def libraries(path):
    """What the program itself asks for, and all that comes with that."""
    r = run(tool("ldd"), path)
    assert r.returncode == 0, r.stderr
    return r.stdout


def exported(path):
    r = run(tool("nm"), "-D", "--defined-only", path)
    assert r.returncode == 0, r.stderr
    return {line.split()[-1].split("@")[0] for line in r.stdout.splitlines() if line.split()[-2] not in "wWvV"}


@pytest.mark.parametrize("name, never", [
    ("reeve", ["libxml2", "libcurl", "librabbitmq", "libpq", "libjson-c", "libmicrohttpd"]),
    ("reeve-spool", ["libxml2", "libcurl", "librabbitmq", "libpq", "libjson-c", "libmicrohttpd", "libyaml"]),
    ("reeve-door", ["libxml2", "libcurl", "librabbitmq", "libpq", "libjson-c", "libyaml"])])
def test_programs_are_not_linked_with_what_they_must_not_touch(name, never):
    linked = libraries(program(name))
    assert "libc.so" in linked
    assert [x for x in never if x in linked] == []


def test_the_supervisor_asks_for_no_loader_of_plugins():
    """It loads no plugin and parses no foreign bytes: neither dlopen nor the YAML and CloudEvents readers are in it."""
    symbols = run(tool("nm"), program("reeve"))
    if "no symbols" in symbols.stderr:
        pytest.skip("the program was stripped")
    names = {line.split()[-1] for line in symbols.stdout.splitlines()}
    if any(n.startswith("__asan") or n.startswith("__tsan") for n in names):
        names = {n for n in names if n != "dlopen" and not n.startswith("dlopen@")}  # the sanitizer's own
    assert "main" in names
    assert not [n for n in names if re.match(r"(dlopen|yaml_parser_\w+|curl_easy_\w+|message_parse\w*|loader_\w+)(@|$)", n)]


def test_the_worker_exports_the_host_services_and_nothing_else():
    wanted = set(re.findall(r"\b(reeve_\w+);", (ROOT / "core/reeve.syms").read_text()))
    assert len(wanted) > 40
    ours = {s for s in exported(program("reeve-worker")) if not s.startswith(("__asan", "__ubsan", "__tsan", "__sanitizer", "__interceptor"))}
    if any(s in libraries(program("reeve-worker")) for s in ("libasan", "libtsan")) or "__asan_init" in exported(program("reeve-worker")):
        assert wanted <= ours
    else:
        data = {"_IO_stdin_used", "stdin", "stdout", "stderr", "environ", "__environ", "optarg", "optind", "amqp_empty_bytes", "amqp_empty_table"}
        assert ours - data == wanted  # data: of other libraries, which the program holds a copy of


@pytest.mark.parametrize("name", MODULES)
def test_a_module_exports_its_entry_only(name):
    path = BUILD / (name + ".so")
    if not path.exists():
        pytest.skip(f"{name}.so is not built in {BUILD}")
    assert {s for s in exported(path) if not s.startswith(("__asan", "__odr_asan"))} == {"reeve_plugin_entry"}


def test_every_service_that_a_module_wants_is_one_of_the_host():
    wanted = set(re.findall(r"\b(reeve_\w+);", (ROOT / "core/reeve.syms").read_text()))
    for name in MODULES:
        path = BUILD / (name + ".so")
        if path.exists():
            r = run(tool("nm"), "-D", "--undefined-only", path)
            missing = {line.split()[-1] for line in r.stdout.splitlines() if line.split()[-1].startswith("reeve_")} - wanted
            assert not missing, name


def style(tmp_path):
    return subprocess.run(["bash", tmp_path / "tests" / "check_style"], capture_output=True, text=True, timeout=120, check=False)


def test_include_directions_and_that_their_check_bites(tmp_path):
    """tests/check_style on a copy: clean (formatting aside, which needs its tool), and not clean once a room reaches upwards."""
    for part in ("core", "plugins", "adapters", "contrib", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert [line for line in style(tmp_path).stdout.splitlines() if "may not include" in line or "may include" in line or "banned" in line] == []
    wrong = {"core/base/upwards.c": ('#include "worker/source.h"', "room base may not include worker/"),
             "core/supervisor/reads.c": ('#include "message/message.h"', "room supervisor may not include message/"),
             "core/worker/yaml.c": ("#include <yaml.h>", "may include yaml"),
             "plugins/file/inside.c": ('#include "base/buf.h"', "a module may not include base/buf.h")}
    for path, (line, _) in wrong.items():
        (tmp_path / path).write_text(line + "\n")
    said = style(tmp_path)
    assert said.returncode != 0
    for path, (_, words) in wrong.items():
        assert any(path in line and words in line for line in said.stdout.splitlines()), (path, said.stdout)
