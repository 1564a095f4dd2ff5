"""Files that polyquant quantizes with two importance matrices, its own and llama-imatrix's of the same tokens: how far are they from the model?"""
import json
import struct

SIDES = ("ours", "theirs")


def write_dat(path, means):
    """An importance matrix in the older kind of file, of one call: mean squares by weight."""
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(means)))
        for name, values in means.items():
            file.write(struct.pack("<i", len(name.encode())) + name.encode() + struct.pack("<ii", 1, len(values)) + values.astype("<f4").tobytes())
    return path


def klds(call, options, work, recipe, matrices):
    """Per side mean and standard error; `matrices`: files, in the order of SIDES."""
    judge = ["--text", options.kld_text, "--chunks", options.kld_chunks, "--threads", options.threads]
    found = {}
    for side, matrix in zip(SIDES, matrices):
        made = work / f"{recipe}.{side}.gguf"
        call(options, "quantize", options.model, "--imatrix", matrix, "--recipe", recipe, "--to", made, "--threads", options.threads, "--force")
        kld = json.loads(call(options, "eval", made, *judge, "--reference", options.model, "--json"))["kld"]
        found[side] = {"mean": kld["mean"], "stderr": kld["stderr"]}
        made.unlink()
    return found


def sentence(row):
    ours, theirs = (f"{row[side]['mean']:.5f} ± {row[side]['stderr']:.5f}" for side in SIDES)
    return (f"`{row['recipe']}` files made with the matrix of `polyquant imatrix` and with llama-imatrix's, both of the {row['file']} file and {row['chunks']} chunk{'s' * (row['chunks'] > 1)}: mean KLD from "
            f"the model\n{ours} and {theirs} ({100 * (row['ours']['mean'] / row['theirs']['mean'] - 1):+.2f} %), by `polyquant eval` on {row['judged']} chunks of "
            f"{row['text']} (`--kld {row['recipe']}`).\n")
