"""Run the test suite on other versions of Python.

    scripts/other_pythons.py                          # all versions, the whole suite
    scripts/other_pythons.py 3.12 3.14 -- tests/core -n 2    # some, and arguments of pytest

A version is taken from PATH or pyenv where it is installed. Otherwise it comes, as root, out of a
folder with a small Debian (debootstrap) of the suite that has it: Python's next versions are there
months before they are elsewhere. Folders and environments are kept for the next run, below
--folder; each version's output is in NAME.log there. Ends with 1 if the tests fail on any of them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.12", "3.13", "3.14", "3.15")
#: Debian's suites, the first that has a version is taken.
SUITES = ("testing", "unstable", "experimental")
#: What packages without a wheel for a new Python are built with.
TOOLS = ("gcc", "g++", "make", "libpq-dev", "libffi-dev", "pkg-config", "rustc", "cargo")
#: What tests start.
SERVERS = ("nginx", "haproxy", "redis-server", "nats-server", "postgresql", "mariadb-server")


def main() -> int:
    """Test what the command line names; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/waterspout-pythons"))
    own, _, given = " ".join(sys.argv[1:]).partition("-- ")
    options = parser.parse_args(own.split())
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for version in options.versions:
        log = options.folder / f"{version}.log"
        print(f"Python {version}: see {log}", flush=True)
        with log.open("w") as output:
            status = test(version, options.folder, given.split(), output.fileno())
        last = (log.read_text().strip().splitlines() or ["no output"])[-1]
        print(f"Python {version}: {'passed' if status == 0 else 'FAILED'}: {last}", flush=True)
        if status:
            failed.append(version)
    return 1 if failed else 0


def test(version: str, folder: Path, arguments: list[str], output: int) -> int:
    """Run the suite on *version*; return pytest's status, 3 without such a Python."""
    with ExitStack() as stack:
        python = installed(version)
        if python is not None:
            prefix: list[str] = []
            place, tree = folder / f"venv-{version}", ROOT
        else:
            system = debian(version, folder, output)
            if system is None:
                os.write(output, f"There is no Python {version} here.\n".encode())
                return 3
            stack.enter_context(mounted(system))
            prefix = ["chroot", str(system)]
            python, place, tree = (
                f"/usr/bin/python{version}",
                Path(f"/venv-{version}"),
                Path("/work"),
            )

        def run(*command: str) -> int:
            environ = dict(os.environ)
            if prefix:
                command = ("env", f"--chdir={tree}", *command)
                environ["HOME"] = "/root"
                environ["PATH"] = path_in(Path(prefix[1]))
            return subprocess.run(
                [*prefix, *command],
                cwd=ROOT,
                env=environ,
                stdout=output,
                stderr=output,
                check=False,
            ).returncode

        own = str(place / "bin" / "python")
        install = ("-m", "pip", "install", "-q", "-e", ".[test,lint]")
        return (
            run(python, "-m", "venv", str(place))
            or run(own, *install)
            or run(own, "-m", "pytest", "-o", f"cache_dir={place}/pytest-cache", *arguments)
        )


def installed(version: str) -> str | None:
    """Return the path of an installed Python of that version."""
    found = shutil.which(f"python{version}")
    if found and "shims" not in found:
        return found
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    known = sorted(versions.glob(f"{version}*/bin/python{version}"))
    return str(known[-1]) if known else None


def debian(version: str, folder: Path, output: int) -> Path | None:
    """Return a folder with a Debian that has Python *version*, and our tree in it at ``/work``."""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        os.write(output, b"Making a Debian needs root, and debootstrap on PATH.\n")
        return None
    for suite in SUITES:
        system = folder / f"debian-{suite}"
        if not (system / "usr/bin/env").exists():
            base = "unstable" if suite == "experimental" else suite
            command = ["debootstrap", "--variant=minbase", base, str(system), mirror()]
            if subprocess.run(command, stdout=output, stderr=output, check=False).returncode:
                return None
            if suite == "experimental":
                sources = system / "etc/apt/sources.list"
                sources.write_text(f"{sources.read_text()}\ndeb {mirror()} experimental main\n")
        shutil.copy("/etc/resolv.conf", system / "etc/resolv.conf")
        policy = system / "usr/sbin/policy-rc.d"  # a server is for the tests to start
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        names = (f"python{version}", f"python{version}-venv", f"python{version}-dev", *TOOLS)
        target = ("-t", "experimental") if suite == "experimental" else ()
        with mounted(system):
            apt = ["chroot", str(system), "apt-get", "-qq"]
            subprocess.run([*apt, "update"], stdout=output, stderr=output, check=False)
            command = [*apt, "install", "-y", "--no-install-recommends", *target, *names]
            environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            got = subprocess.run(command, env=environ, stdout=output, stderr=output, check=False)
            command = [*apt, "install", "-y", "--no-install-recommends", *SERVERS]
            subprocess.run(command, env=environ, stdout=output, stderr=output, check=False)
        if got.returncode == 0:
            copy_tree(system / "work")
            return system
    return None


def path_in(system: Path) -> str:
    """Return the search path in *system*: Debian's, and where it has the servers of PostgreSQL."""
    found = sorted(system.glob("usr/lib/postgresql/*/bin"))
    places = ["/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    return ":".join(places + [f"/{place.relative_to(system)}" for place in found])


def mirror() -> str:
    """Return where this machine's own Debian has its packages from."""
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("debian*")):
        if path.exists():
            found = re.search(r"https?://\S+/debian/?(?=\s|$)", path.read_text())
            if found and not found[0].startswith("#"):
                return found[0]
    raise SystemExit("There is no mirror of Debian in /etc/apt.")


def copy_tree(place: Path) -> None:
    """Copy what git knows of the project to *place*, as it is now."""
    shutil.rmtree(place, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name)


@contextmanager
def mounted(system: Path) -> Iterator[None]:
    """Have ``/proc``, ``/dev`` and terminals in *system*, and this machine's settings of pip."""
    links = [("-t", "proc", "proc"), ("--bind", "/dev"), ("-t", "devpts", "devpts")]
    with ExitStack() as stack:
        for (*kind, source), name in zip(links, ("proc", "dev", "dev/pts"), strict=True):
            place = system / name
            place.mkdir(exist_ok=True)
            subprocess.run(["mount", *kind, source, str(place)], check=True)
            stack.callback(subprocess.run, ["umount", "-l", str(place)], check=False)
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        inside = system / "etc/ssl/certs"
        inside.mkdir(parents=True, exist_ok=True)
        shutil.copy(certificates, inside / certificates.name)
        yield


if __name__ == "__main__":
    sys.exit(main())
