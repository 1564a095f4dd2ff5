#!/usr/bin/env python3
"""bf16 and f16 GGUF files of the real models against those of llama.cpp's convert_hf_to_gguf.py (tests/golden/converter): every tensor's
bytes and every metadata key are equal. The tiny checkpoints are compared by unit tests, tensor by tensor."""
import hashlib
import json

from common import GEMMA, GOLDEN, SMOL, Checks, model, run, scratch, skip

try:
    import gguf
except ImportError:
    skip("the package gguf is not installed")


def encoded(values, kind):
    """Elements of an array as they are encoded in the file."""
    if kind == "STRING":
        return b"".join(len(v.encode()).to_bytes(8, "little") + v.encode() for v in values)
    import numpy as np
    return np.array(values, {"FLOAT32": "<f4", "INT32": "<i4", "UINT32": "<u4"}[kind]).tobytes()


def describe(field):
    """A metadata value in the form of the golden file: type, and value or length and hash."""
    kinds = [kind.name for kind in field.types]
    value = field.contents()
    if kinds[0] != "ARRAY":
        return {"type": kinds[0], "value": value}
    return {"type": f"ARRAY[{kinds[1]}]", "length": len(value), "sha256": hashlib.sha256(encoded(value, kinds[1])).hexdigest()}


def main():
    checks, out = Checks(), scratch()
    for name in (SMOL, GEMMA):
        for kind in ("bf16", "f16"):
            golden = json.loads((GOLDEN / "converter" / f"{name}.{kind}.json").read_text())
            path = out / "ours.gguf"
            run("quantize", model(name), "--recipe", kind, "--to", path, "--force")
            reader = gguf.GGUFReader(path)
            ours = {t.name: [t.tensor_type.name, [int(n) for n in t.shape], hashlib.sha256(t.data.tobytes()).hexdigest()] for t in reader.tensors}
            theirs = {t["name"]: [t["type"], t["dims"], t["sha256"]] for t in golden["tensors"]}
            different = [n for n in theirs if ours.get(n) != theirs[n]] + [n for n in ours if n not in theirs]
            checks.that(not different, f"{name} {kind}: {len(theirs)} tensors equal {different[:3] or ''}")
            for entry in golden["metadata"]:
                wanted = {k: v for k, v in entry.items() if k in ("type", "value", "length", "sha256")}
                field = reader.fields.get(entry["key"])
                found = None if field is None else describe(field)
                if found != wanted:
                    checks.that(False, f"{name} {kind}: {entry['key']} is {found}, the converter writes {wanted}")
            checks.that(True, f"{name} {kind}: {len(golden['metadata'])} metadata keys were compared")
            path.unlink()
    checks.finish()


if __name__ == "__main__":
    main()
