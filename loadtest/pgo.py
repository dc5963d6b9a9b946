#!/usr/bin/env python3
"""Builds ringx with profile-guided optimisation: the compiler learns from a run which paths are taken.

    loadtest/pgo.py                  prints the path of the binary: target/pgo/release/ringx
    loadtest/run.py --pgo            measures that one

Three steps, about ten minutes on two cores: a build that counts, the loads of TRAINING on it, a build that uses the counts.
The source is the same, and so is what the program does; what is seldom taken moves out of the way of what is taken often.
Beside what run.py needs it takes llvm-profdata, of rustup's llvm-tools or of LLVM 19 or later.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import contenders
import generators
import processes
import tools
import website

SECONDS = 2
NEWEST_LLVM, OLDEST_LLVM = 30, 19
INSTALL = "rustup component add llvm-tools, or apt-get install llvm-19"

# (subject, path, connections, mode): what the counting program is asked, from shallow to deep, by browsers and by tools.
TRAINING = (
    ("ringx", "/", 1, "browser"),
    ("ringx", "/", 64, "browser"),
    ("ringx", "/", 64, "get"),
    ("ringx", "/static/1k.bin", 1, "browser"),
    ("ringx", "/static/1k.bin", 64, "browser"),
    ("ringx", "/static/1k.bin", 64, "get"),
    ("ringx", "/static/1k.bin", 64, "pipeline"),
    ("ringx", "/static/64k.bin", 16, "browser"),
    ("ringx", "/static/1m.bin", 16, "get"),
    ("ringx", "/bodies/64k.bin", 16, "browser"),
    ("ringx", "/bodies/1m.bin", 16, "get"),
    ("ringx", "/upload", 16, "upload"),
    ("ringx", "/", 64, "close"),
    ("ringx-stock", "/", 64, "browser"),
    ("ringx-unix", "/", 64, "browser"),
    ("ringx+log", "/", 64, "browser"),
    ("ringx-tls", "/", 64, "browser"),
    ("ringx-tls", "/static/1k.bin", 64, "browser"),
    ("ringx-tls", "/static/1k.bin", 1, "full"),
    ("ringx-tls", "/static/1k.bin", 1, "resumed"),
    ("ringx-h2", "/", 32, "h2"),
    ("ringx-h2", "/static/1k.bin", 32, "h2"),
)


def build(found):
    """Builds it with the programs `found` (tools.find), and returns its path."""
    merge = _profdata()
    target = Path(os.environ.get("CARGO_TARGET_DIR", tools.ROOT / "target")) / "pgo"
    with tempfile.TemporaryDirectory(prefix="ringx-pgo-") as place:
        # The workers may run as another user.
        os.chmod(place, 0o755)
        counts = Path(place) / "counts"
        counting = tools.cargo_build(target, f"-Cprofile-generate={counts}")
        # The compiler's own programs counted too, as far as they were built so.
        shutil.rmtree(counts, ignore_errors=True)
        _train({**found, "ringx": counting}, Path(place))
        raw = sorted(counts.glob("*.profraw"))
        if not raw:
            raise tools.Missing(f"the counting build left no counts in {counts}")
        profile = target / "ringx.profdata"
        done = subprocess.run([merge, "merge", "-o", profile, *raw], capture_output=True, text=True)
        if done.returncode != 0:
            raise tools.Missing(f"{merge} does not read this compiler's counts ({INSTALL}):\n{done.stderr[-1000:]}")
        return tools.cargo_build(target, f"-Cprofile-use={profile}")


def _train(found, place):
    site = website.Site(place / "site")
    site.folder.mkdir()
    site.write()
    cores = os.sched_getaffinity(0)
    stage = contenders.Stage(site, found, cores, cores)
    try:
        stage.start_origin()
        for name, path, connections, mode in TRAINING:
            subject = contenders.SUBJECTS[name]
            print(f"  {name} {path}, {connections} connections, {mode}", file=sys.stderr, flush=True)
            contender = stage.start(subject)
            command = _command(found, site, subject, path, connections, mode)
            generators.Running(command, cores, SECONDS).finish()
            # Ends in good order: the counts are written at its end.
            contender.stop()
    finally:
        stage.close()


def _command(found, site, subject, path, connections, mode):
    tls = subject.name.endswith(("-tls", "-h2"))
    url = site.url(path, tls)
    if mode == "h2":
        return generators.h2load_command(found, url, connections, SECONDS)
    if mode in ("full", "resumed"):
        return generators.handshakes_command(site.port, path, site.expected[path].length, SECONDS, mode)
    return generators.wrk_command(found, url, connections, SECONDS, mode)


def _profdata():
    """The llvm-profdata of this compiler, or a later one of the system."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    own = sorted(Path(sysroot).glob("lib/rustlib/*/bin/llvm-profdata"))
    if own:
        return str(own[0])
    for version in range(NEWEST_LLVM, OLDEST_LLVM - 1, -1):
        if place := shutil.which(f"llvm-profdata-{version}"):
            return place
    raise tools.Missing(f"profile-guided optimisation needs llvm-profdata: {INSTALL}")


def main():
    processes.raise_file_limit()
    try:
        print(build(tools.find(None, ringx=False)))
    except (tools.Missing, processes.StartError, generators.GeneratorError) as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
