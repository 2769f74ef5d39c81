# SPDX-License-Identifier: Apache-2.0
"""What `make install` puts where, the systemd unit, and the Debian packages: built, looked at, installed, used and purged.

Building packages takes minutes, and installing them changes the machine: those tests run only with REEVE_INSTALL_TEST=1, which .ci/run sets
on its throw-away machine."""
import hashlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import stat
import subprocess

import pytest

from conftest import BUILD, ROOT, Daemon, program, run
from test_supervisor import Manager

CLEAN = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "REEVE_MODULES")}


def version():
    return re.search(r"^VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.M).group(1)


def need(tool, package):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed (Debian package {package})")


def test_install_puts_everything_below_the_prefix_and_it_works_there(tmp_path):
    for name in ("reeve", "reeve-worker", "reeve-door", "reeve-spool"):
        program(name)
    out = (BUILD / "reeve").resolve().parent  # build/ has links into build/VARIANT
    variant = out.name if out.name in ("debug", "release", "asan", "tsan") else "debug"
    subprocess.run(["make", "-s", f"O={out}", f"BUILD={variant}", f"DESTDIR={tmp_path}", "PREFIX=/opt/reeve", "install"], cwd=ROOT, env=CLEAN,
                   check=True, timeout=600, stdout=subprocess.DEVNULL)
    assert os.listdir(tmp_path) == ["opt"] and os.listdir(tmp_path / "opt") == ["reeve"]
    root = tmp_path / "opt/reeve"
    there = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    assert {p for p in there if p.startswith(("bin/", "libexec/"))} == \
        {"bin/reeve", "bin/reeve-push", "libexec/reeve/reeve-worker", "libexec/reeve/reeve-door", "libexec/reeve/reeve-spool"}
    modules = {f"lib/reeve/{p.relative_to(ROOT)}.so" for kind in ("plugins", "adapters") for p in (ROOT / kind).iterdir() if p.name != "lib" and list(p.glob("*.c"))}
    assert {p for p in there if p.startswith("lib/reeve/")} == modules | {"lib/reeve/adapters/exec.so"}  # a link: it is an adapter, too
    assert os.readlink(root / "lib/reeve/adapters/exec.so") == "../plugins/exec.so"
    assert {"include/reeve/plugin.h", "lib/pkgconfig/reeve.pc", "lib/systemd/system/reeve.service", "lib/sysusers.d/reeve.conf",
            "lib/tmpfiles.d/reeve.conf", "share/reeve/template/Makefile", "share/reeve/exec/PROTOCOL.md"} <= there
    assert {f"share/reeve/exec/examples/{p.name}" for p in (ROOT / "plugins/exec/examples").iterdir()} <= there
    assert all(f"share/man/man7/{p.name}" in there for p in ROOT.glob("*/*/*.7"))
    for p in there:
        mode = stat.S_IMODE((root / p).stat().st_mode)
        assert mode == (0o755 if p.startswith(("bin/", "libexec/")) or p.endswith(".sh") or "/exec/examples/" in p else 0o644), (p, oct(mode))
    assert "@" not in re.sub(r"@system-service|@privileged|@keyring", "", (root / "lib/systemd/system/reeve.service").read_text())
    assert "ExecStart=/opt/reeve/bin/reeve run" in (root / "lib/systemd/system/reeve.service").read_text()
    listed = run(root / "bin/reeve", "plugin", "list", env={"REEVE_MODULES": ""})
    assert listed.returncode == 0 and "360giving" in listed.stdout and "http" in listed.stdout


@pytest.fixture
def unit(tmp_path):
    need("systemd-analyze", "systemd")
    path = tmp_path / "reeve.service"
    path.write_text((ROOT / "contrib/systemd/reeve.service").read_text().replace("@BINDIR@", str(pathlib.Path(program("reeve")).parent)))
    return path


def test_systemd_accepts_the_unit(unit):
    r = run("systemd-analyze", "verify", "--man=no", unit)
    assert r.returncode == 0 and "reeve.service" not in r.stderr, r.stderr


def test_the_unit_leaves_little_open(unit):
    r = run("systemd-analyze", "security", "--offline=yes", "--no-pager", unit)
    exposure = re.search(r"Overall exposure level for reeve.service: ([\d.]+)", r.stdout)
    if not exposure:
        pytest.skip(f"this systemd cannot look at a unit offline: {r.stderr}")
    assert float(exposure.group(1)) <= 2.0, r.stdout


def test_the_package_has_the_version_of_the_programs():
    first = (ROOT / "contrib/debian/changelog").read_text().splitlines()[0]
    assert first.startswith(f"reeve ({version()}) ")


def test_the_configuration_that_is_installed_is_right_and_does_nothing(tmp_path):
    text = (ROOT / "contrib/debian/etc/hub.yaml").read_text()
    (tmp_path / "hub.yaml").write_text(text.replace("/var/lib/reeve", str(tmp_path / "data")))
    r = run(program("reeve"), "check", "-c", tmp_path)
    assert r.returncode == 0 and not r.stdout, r.stdout
    assert "no errors" in r.stderr


# ---- packages

def allowed():
    if os.environ.get("REEVE_INSTALL_TEST") != "1":
        pytest.skip("building and installing packages changes the machine and takes minutes: REEVE_INSTALL_TEST=1")
    need("dh", "debhelper")
    need("lintian", "lintian")


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    allowed()
    return build(tmp_path_factory.mktemp("first"))


def build(directory):
    r = run(ROOT / "contrib/package", directory, env={**CLEAN, "MAKEFLAGS": f"-j{os.cpu_count()}"}, timeout=1800)
    assert r.returncode == 0, (r.stdout + r.stderr)[-4000:]
    return {p.name.split("_")[0]: p for p in directory.glob("*.deb")}


def test_lintian_finds_no_error(packages):
    r = run("lintian", "--fail-on", "error", "--allow-root", packages["reeve"], packages["reeve-dev"], timeout=300)
    print(r.stdout)
    assert r.returncode == 0, r.stdout + r.stderr


def test_a_second_build_elsewhere_gives_the_same_bytes(packages, tmp_path_factory):
    again = build(tmp_path_factory.mktemp("a-second-directory-of-another-length"))

    def sums(found):
        return {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in found.items()}
    assert sums(again) == sums(packages) and {"reeve", "reeve-dev"} <= set(packages)


@pytest.fixture
def machine(packages):
    """dpkg on this machine, which gets rid of everything again."""
    if os.getuid() != 0:
        pytest.skip("installing packages needs root")
    if run("dpkg-query", "-W", "reeve").returncode == 0 or pathlib.Path("/etc/reeve").exists() or pathlib.Path("/var/lib/reeve").exists():
        pytest.skip("reeve is installed on this machine, or was: it is left alone")

    def dpkg(*arguments):
        r = run("dpkg", *arguments, env={"DEBIAN_FRONTEND": "noninteractive"}, timeout=300)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout
    yield dpkg
    run("dpkg", "--purge", "reeve", "reeve-dev", timeout=300)
    shutil.rmtree("/etc/reeve", ignore_errors=True)
    shutil.rmtree("/var/lib/reeve", ignore_errors=True)


def as_reeve():
    user = pwd.getpwnam("reeve")
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def test_installed_used_upgraded_removed_and_purged(machine, packages, tmp_path):
    machine("-i", packages["reeve"], packages["reeve-dev"])
    user = pwd.getpwnam("reeve")
    assert user.pw_uid < 1000 and user.pw_shell.endswith("nologin")
    for path in ("/etc/reeve/secrets", "/var/lib/reeve"):
        s = os.stat(path)
        assert (s.st_uid, stat.S_IMODE(s.st_mode)) == (user.pw_uid, 0o700), path
    assert run("systemctl", "is-enabled", "reeve.service").stdout.strip() == "disabled"

    def reeve(*arguments):  # where no ./config is: /etc/reeve is meant
        return run("/usr/bin/reeve", *arguments, cwd=tmp_path, env={"REEVE_CONFIG": ""})
    assert reeve("check").returncode == 0
    assert "360giving" in reeve("plugin", "list").stdout

    # as the unit runs it
    manager = Manager("/var/lib/reeve/test-notify")
    os.chown("/var/lib/reeve/test-notify", user.pw_uid, user.pw_gid)
    hub = Daemon(["/usr/bin/reeve", "run", "-c", "/etc/reeve"], tmp_path, "hub", env={"NOTIFY_SOCKET": "/var/lib/reeve/test-notify"},
                 preexec_fn=as_reeve)
    try:
        manager.next_with("READY=1")
        assert reeve("status").returncode == 0
        assert reeve("reload").returncode == 0
        # an upgrade keeps what the operator wrote
        changed = pathlib.Path("/etc/reeve/hub.yaml").read_text().replace("unnamed", "exampleshire")
        pathlib.Path("/etc/reeve/hub.yaml").write_text(changed)
        machine("-i", packages["reeve"])
        assert pathlib.Path("/etc/reeve/hub.yaml").read_text() == changed
        hub.process.send_signal(signal.SIGTERM)
        manager.next_with("STOPPING=1")
        assert hub.wait() == 0, hub.log()
    finally:
        hub.stop(seconds=10)
        os.unlink("/var/lib/reeve/test-notify")

    # an author's plugin against the installed header
    shutil.copytree("/usr/share/reeve/template", tmp_path / "mine")
    r = run("make", "test", cwd=tmp_path / "mine", env=CLEAN, timeout=120)
    assert r.returncode == 0, r.stdout + r.stderr

    owned = [p for p in run("dpkg", "-L", "reeve", "reeve-dev").stdout.split("\n") if p and os.path.isfile(p)]
    assert len(owned) > 20
    machine("--remove", "reeve", "reeve-dev")
    assert os.path.exists("/var/lib/reeve/spool/spool.db") and os.path.exists("/etc/reeve/hub.yaml")  # only purging takes data
    machine("--purge", "reeve", "reeve-dev")
    assert [p for p in owned if os.path.exists(p)] == []
    assert not os.path.exists("/var/lib/reeve") and not os.path.exists("/etc/reeve")
