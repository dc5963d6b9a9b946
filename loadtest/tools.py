"""The programs that the load test needs: where they are, which versions, and how to install what is missing.

Also what is said about the machine. Called by run.py.
"""

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALL = {
    "nginx": "apt-get install nginx",
    "haproxy": "apt-get install haproxy",
    "wrk": "apt-get install wrk",
    "h2load": "apt-get install nghttp2-client",
    "openssl": "apt-get install openssl",
    "oha": "cargo install oha",
}
# Debian keeps servers where an ordinary user's PATH does not look; cargo installs into its own place.
ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", str(Path.home() / ".cargo/bin"))


class Missing(Exception):
    """Programs are missing; the text says how to install them."""


def find(binary, ringx=True):
    """Name to path of every program; builds ringx in release unless `binary` names one, or nobody wants any."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *ELSEWHERE])
    tools = {name: shutil.which(name, path=path) for name in INSTALL}
    missing = [name for name, place in tools.items() if place is None]
    if missing:
        lines = [f"  {name}: {INSTALL[name]}" for name in missing]
        raise Missing("the load test needs programs that are not installed:\n" + "\n".join(lines))
    if binary:
        tools["ringx"] = shutil.which(os.path.abspath(binary)) or ""
        if not tools["ringx"]:
            raise Missing(f"{binary} is no program")
    elif ringx:
        tools["ringx"] = cargo_build(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")))
    return tools


def cargo_build(target, flags=""):
    """Builds ringx in release into `target`, with `flags` beside those of RUSTFLAGS, and returns its path."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    if flags:
        environment["RUSTFLAGS"] = f"{environment.get('RUSTFLAGS', '')} {flags}".strip()
    try:
        subprocess.run(["cargo", "build", "--release", "--bin", "ringx"], cwd=ROOT, env=environment, check=True)
    except FileNotFoundError:
        raise Missing("cargo is not installed: see https://rustup.rs (or give --binary)") from None
    except subprocess.CalledProcessError as error:
        raise Missing(f"ringx does not build: cargo ended with status {error.returncode}") from None
    return str(target / "release/ringx")


def versions(tools):
    """Name to version, as each program says it."""
    asked = {name: ([tools[name], "-v"]) for name in ("ringx", "nginx", "haproxy", "wrk")}
    asked["oha"] = [tools["oha"], "--version"]
    asked["h2load"] = [tools["h2load"], "--version"]
    asked["openssl"] = [tools["openssl"], "version"]
    return {name: _version(command) for name, command in asked.items()}


def _version(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10)
    said = (done.stdout + done.stderr).strip().split("\n", 1)[0]
    found = re.search(r"\d+\.\d+(\.\d+)?[\w.+~-]*", said)
    return found.group(0) if found else said[:60]


def commit():
    """The commit of the working tree, `+changes` when files differ from it; None outside a repository."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def machine():
    """What a reader needs to know of the machine, and nothing that names it."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": kernel(),
        "architecture": platform.machine(),
    }


def kernel():
    """The kernel's version without what its builder appended: `6.1.0`."""
    found = re.match(r"\d+(\.\d+)*", platform.release())
    return found.group(0) if found else "unknown"


def default_name():
    """The part of a result's folder that says where it was measured: `linux-6.1-2core`."""
    return f"linux-{'.'.join(kernel().split('.')[:2])}-{os.cpu_count()}core"


def _cpu_model():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else "unknown"
