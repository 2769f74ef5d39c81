# SPDX-License-Identifier: Apache-2.0
"""The benchmarks measure what they say: generated grants are valid and of the right size, and everything counted was accepted."""
import shutil
import sys

import pytest

from conftest import BUILD, ROOT, module, program, reeve

sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "contrib/bench"))
import hub_bench  # noqa: E402
import make_grants  # noqa: E402


def test_generated_grants_are_valid_and_the_same_every_time(tmp_path):
    n = make_grants.write(300_000, tmp_path / "a.json")
    assert n == make_grants.write(300_000, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert 1500 < (tmp_path / "a.json").stat().st_size / n < 1750
    program("reeve-worker"), module("adapters/360giving")
    done = reeve("decode", "360giving", tmp_path / "a.json")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == n, done.stderr[:2000]
    assert "error" not in done.stderr


def test_a_round_of_the_intake_bench_counts_what_is_durable(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    for name in ("reeve", "reeve-worker", "reeve-door", "reeve-spool"):
        program(name)
    n = make_grants.write(500_000, tmp_path / "a.json")
    with hub_bench.BenchHub(BUILD) as hub:
        answer, seconds = hub.push("/grants", tmp_path / "a.json", "application/json")
        assert answer["accepted"] == answer["new"] == hub.waiting() == n
        assert seconds > 0 and hub.peak_rss("grants.receive") > 1_000_000
