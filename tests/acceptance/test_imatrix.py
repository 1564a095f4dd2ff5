#!/usr/bin/env python3
"""Importance matrices on a real model: the file of llama-imatrix lowers the KLD that llama.cpp finds; the older kind of file with the same
numbers gives the same weights, and so does a GGUF source in place of the Hugging Face folder; llama-quantize's metadata keys are there."""
import json
import struct

from common import GOLDEN, WIDE, Checks, llama, model, run, run_json, scratch, text

try:
    import gguf
except ImportError:
    from common import skip
    skip("the package gguf is not installed")

CHUNKS = 4
IMATRIX = GOLDEN / "imatrix" / "SmolLM2-135M-wide.imatrix.gguf"


def pipeline(path, source, out, imatrix=None):
    path.write_text(json.dumps({"version": 1, "model": str(source), **({"imatrix": str(imatrix)} if imatrix else {}), "outputs": [
        {"format": "gguf", "encoding": "q4_0", "rules": [{"match": "embedding", "encoding": "q8_0"}], "to": str(out)}]}))
    return path


def write_dat(path):
    """The older kind of file. 64 calls: a power of two, so that no rounding comes in."""
    tensors = {t.name: t for t in gguf.GGUFReader(IMATRIX).tensors}
    names = sorted(n.removesuffix(".in_sum2") for n in tensors if n.endswith(".in_sum2"))
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(names)))
        for name in names:
            sums, count = tensors[name + ".in_sum2"].data.ravel(), tensors[name + ".counts"].data.ravel()[0]
            values = (sums / count * 64).astype("<f4")
            file.write(struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 64, len(values)) + values.tobytes())
        file.write(struct.pack("<i", 64) + struct.pack("<i", 8) + b"text.txt")
    return path


def weights(path):
    return {t.name: t.data.tobytes() for t in gguf.GGUFReader(path).tensors}


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    run("quantize", model(WIDE), "--recipe", "bf16", "--to", out / "bf16.gguf")
    base = cpp.Model(out / "bf16.gguf")
    cpp.perplexity(base, text(), limit=CHUNKS, save=str(out / "base.npz"))
    base.close()
    found = {}
    for name, imatrix in (("plain", None), ("important", IMATRIX)):
        run("run", pipeline(out / "p.yaml", model(WIDE), out / f"{name}.gguf", imatrix))
        loaded = cpp.Model(out / f"{name}.gguf")
        found[name] = cpp.kld(loaded, text(), str(out / "base.npz"))["kld_mean"]
        loaded.close()
    checks.that(found["important"] < found["plain"], f"q4_0: KLD {found['important']:.4f} with importance, {found['plain']:.4f} without")

    important = weights(out / "important.gguf")
    run("run", pipeline(out / "p.yaml", model(WIDE), out / "dat.gguf", write_dat(out / "m.dat")))
    checks.that(weights(out / "dat.gguf") == important, "the older kind of file gives the same weights")
    run("run", pipeline(out / "p.yaml", out / "bf16.gguf", out / "from-gguf.gguf", IMATRIX))
    checks.that(weights(out / "from-gguf.gguf") == important, "a GGUF source gives the same weights as the Hugging Face folder")

    plan = run_json("plan", pipeline(out / "p.yaml", model(WIDE), out / "x.gguf", IMATRIX))
    without = [t["name"] for t in plan["outputs"][0]["tensors"] if t["encoding"].startswith("q") and "importance" not in t]
    checks.that(without == ["token_embd.weight"], f"every matrix but the embedding has importance {without}")

    runs = json.loads((GOLDEN / "llama_quantize.json").read_text())["runs"]
    added = next(r for r in runs if r["imatrix"])["metadata"]["added"]
    fields = gguf.GGUFReader(out / "important.gguf").fields
    ours = {k: {"type": f.types[0].name, "value": f.contents()} for k, f in fields.items() if k.startswith("quantize.imatrix.")}
    checks.that(ours == added, f"the keys of llama-quantize: {sorted(ours)}")
    checks.finish()


if __name__ == "__main__":
    main()
