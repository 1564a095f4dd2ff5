"""What all scripts here share: errors, checksums, pinned downloads, a Python with numpy."""

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

NUMPY = "numpy==2.2.6"


def fail(message):
    sys.exit(f"{Path(sys.argv[0]).name}: error: {message}")


def cache_folder():
    return Path(os.environ.get("POLYQUANT_CACHE") or Path.home() / ".cache" / "polyquant")


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


def pip_download(requirements, folder, options=()):
    """Downloads pinned packages, given as (requirement, SHA-256), into `folder`; pip refuses other bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    print(f"downloading {', '.join(r for r, _ in requirements)}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        listing = Path(temporary) / "requirements.txt"
        listing.write_text("".join(f"{r} --hash=sha256:{h}\n" for r, h in requirements))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", *options,
                   "-d", str(folder), "-r", str(listing)]
        try:
            result = subprocess.run(command, timeout=1800)
        except subprocess.TimeoutExpired:
            fail("the download took more than 30 minutes")
    if result.returncode != 0:
        fail("pip could not download the packages (see above)")


def run_with_numpy():
    """Goes on in a virtual environment of the cache if this Python has no numpy. Call it before importing numpy."""
    try:
        import numpy  # noqa: F401
        return
    except ImportError:
        pass
    folder = cache_folder() / f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    if not _imports_numpy(python):
        print(f"installing {NUMPY} into {folder}", flush=True)
        try:
            venv.create(folder, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            fail("cannot make a virtual environment; install the package python3-venv")
        if subprocess.run([python, "-m", "pip", "install", "--quiet", NUMPY]).returncode != 0:
            fail(f"pip could not install {NUMPY} (see above)")
    os.execv(python, [str(python), *sys.argv])


def _imports_numpy(python):
    return python.exists() and subprocess.run([python, "-c", "import numpy"], capture_output=True).returncode == 0
