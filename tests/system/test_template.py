# SPDX-License-Identifier: Apache-2.0
"""The plugin template, as somebody outside has it: built from an installed prefix, with nothing else of the sources."""
import os
import shutil
import subprocess

import pytest

from conftest import BUILD, ROOT, program


def test_the_template_is_short():
    lines = (ROOT / "contrib/template/tally.c").read_text().splitlines()
    assert len(lines) <= 60


def test_the_template_builds_and_runs_from_an_installed_prefix(tmp_path):
    for tool in ("make", "pkg-config", "cc"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    for name in ("reeve", "reeve-worker", "reeve-door", "reeve-spool"):
        program(name)
    prefix = tmp_path / "prefix"
    clean = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "REEVE_MODULES")}
    out = (BUILD / "reeve").resolve().parent  # build/ has links into build/VARIANT
    variant = out.name if out.name in ("debug", "release", "asan", "tsan") else "debug"
    subprocess.run(["make", "-s", f"O={out}", f"BUILD={variant}", f"PREFIX={prefix}", "install"], cwd=ROOT, env=clean, check=True, timeout=600,
                   stdout=subprocess.DEVNULL)
    copy = tmp_path / "mine"
    shutil.copytree(prefix / "share/reeve/template", copy)
    env = {**clean, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    config = subprocess.run(["pkg-config", "--libs", "reeve"], env=env, capture_output=True, text=True, check=True)
    assert config.stdout.strip() == ""
    run = subprocess.run(["make", "test"], cwd=copy, env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.rstrip().endswith("ok")
    subprocess.run(["make", "-s", "install"], cwd=copy, env=env, check=True, timeout=60)
    listed = subprocess.run([prefix / "bin/reeve", "plugin", "list"], env=clean, capture_output=True, text=True, timeout=60)
    assert "tally" in listed.stdout
