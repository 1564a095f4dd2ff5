#!/usr/bin/env python3
"""Every architecture of tests/golden/tiny in the real llama.cpp: each file loads, its logits are those of transformers, and the q8_0 file
generates what the bf16 file generates. (Names, types, bytes and metadata are compared by unit tests.)

    test_architectures.py [NAME...]     only these checkpoints
"""
import json
import struct
import sys

from arrays import np
from common import GOLDEN, Checks, llama, run, run_json, scratch

PROMPTS, PROMPT_TOKENS, NEW_TOKENS = 32, 12, 4
# So many must be alike after 90 % of the prompts of all models. Random weights leave many near ties: with the weights of the q8_0 files computed
# in f32, without llama.cpp's 8-bit activations, 1 to 4 new tokens are alike after 96.2, 93.2, 89.9 and 87.6 %, and the same bf16 weights stored as
# f32 give 99.1 to 97.3 %. From the third token on the type itself is the limit.
GATED_TOKENS = 2
CONTEXT = 64
# The logits of f32 files: llama.cpp keeps keys and values as f16 and takes GELU from a table of f16 values.
TOLERANCE = 0.02  # of the standard deviation of the logits, root mean square
# q8_0 (with 8-bit activations) moves the logits of these random weights by 1 to 5 % of their deviation, so that it takes another token only
# where two are nearly as likely (measured: 0.24). With experts it can also take another expert: then a token here and there is far from a tie
# (measured: 1.9).
NEAR_TIE = 0.4  # of the standard deviation, between the two tokens' logits
FAR_ROUTED = 0.05  # of the new tokens of a model with experts


def reference():
    """{name: (token ids, positions, logits [positions, vocabulary])} of transformers (tests/golden/README.md)."""
    raw = (GOLDEN / "tiny_logits.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    positions = json.loads(header.pop("__metadata__")["positions"])

    def array(key, kind):
        first, last = header[key]["data_offsets"]
        return np.frombuffer(data[first:last], kind).reshape(header[key]["shape"])
    names = {key.rsplit(".", 1)[0] for key in header}
    return {n: (array(n + ".input_ids", "<i8").tolist(), positions, array(n + ".logits", "<f4")) for n in names}


def write(verb, name, path, *arguments):
    folder = GOLDEN / "tiny" / name
    pre = json.loads((folder / "gguf.json").read_text()).get("fixed_pre")
    options = ["--set", f"outputs.0.options.pre_tokenizer={pre}"] if pre else []
    source = [verb, folder, path] if verb == "convert" else [verb, folder, "--to", path]
    run(*source, "--format", "gguf", *arguments, *options)
    return path


def greedy(cpp, path, prompts):
    """Each prompt followed by the tokens that the model finds most likely."""
    model = cpp.Model(path, context=CONTEXT, threads=1)
    texts = [list(ids) for ids in prompts]
    for ids in texts:
        for _ in range(NEW_TOKENS):
            ids.append(int(model.logits(ids, len(ids) - 1)[0].argmax()))
    model.close()
    return texts


def new_logits(cpp, path, texts):
    """float32 [texts, NEW_TOKENS, vocabulary]: what the model expected where the new tokens stand."""
    model = cpp.Model(path, context=CONTEXT, threads=1)
    found = np.stack([model.logits(ids, PROMPT_TOKENS - 1)[:NEW_TOKENS] for ids in texts])
    model.close()
    return found


def loads(cpp, path):
    try:
        cpp.Model(path, context=CONTEXT, threads=1).close()
    except ValueError:
        return False
    return True


def logits_error(cpp, path, ids, positions, expected):
    """Per position the root mean square of the difference, as part of the logits' standard deviation."""
    model = cpp.Model(path, context=CONTEXT, threads=1)
    try:
        found = model.logits(ids)[positions]
    finally:
        model.close()
    return np.sqrt(((found - expected) ** 2).mean(-1)) / expected.std()


def main():
    checks, cpp, out = Checks(), llama(), scratch()
    wanted, only, same, total = reference(), sys.argv[1:], np.zeros(NEW_TOKENS, int), 0
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        name, peer = entry["name"], entry["llama_cpp"]
        if only and name not in only:
            continue
        full = write("convert", name, out / f"{name}.f32.gguf", "--encoding", "f32")
        half = write("convert", name, out / f"{name}.bf16.gguf", "--encoding", "bf16")
        small = write("quantize", name, out / f"{name}.q8_0.gguf", "--recipe", "q8_0")
        keys = {item["key"] for item in json.loads((GOLDEN / "tiny" / name / "gguf.json").read_text())["metadata"]}
        found = set(run_json("inspect", half)["metadata"])
        texts = {key for key in keys | found if key.startswith("general.") and key != "general.file_type"}
        checks.that(found - texts == keys - texts, f"{name}: the {len(keys - texts)} keys of the real converter {sorted((found ^ keys) - texts) or ''}")
        if not peer["loads"]:
            checks.that(not any(loads(cpp, path) for path in (full, half, small)), f"{name}: llama.cpp does not load it, as the real converter's file")
            continue
        ids, positions, logits = wanted[name]
        errors = logits_error(cpp, full, ids, positions, logits)
        routed = "expert" in (GOLDEN / "tiny" / name / "config.json").read_text()
        misses = int((errors > TOLERANCE).sum())
        if peer["agrees"]:
            # Two experts can be so near to a tie that f16 keys and values choose the other one.
            checks.that(misses <= (1 if routed else 0), f"{name}: logits differ from transformers' by {np.sort(errors)[-1 - misses]:.1e} of their deviation at most"
                                                        f"{f', at {misses} of {len(errors)} positions by {errors.max():.1e} (another expert)' if misses else ''}")
        else:
            checks.that(misses > 0, f"{name}: logits differ by {errors.max():.1e}, as the real converter's: {peer['note']}")
        random = np.random.default_rng(7)
        prompts = [random.integers(3, logits.shape[1] - 32, PROMPT_TOKENS).tolist() for _ in range(PROMPTS)]
        texts = greedy(cpp, half, prompts)
        exact, coarse = new_logits(cpp, half, texts), new_logits(cpp, small, texts)
        alike = exact.argmax(-1) == coarse.argmax(-1)
        chosen = np.take_along_axis(exact, coarse.argmax(-1)[..., None], -1)[..., 0]
        gaps = (exact.max(-1) - chosen) / exact.std(-1)
        continued = np.array([alike[:, :count].all(-1).sum() for count in range(1, NEW_TOKENS + 1)])
        same += continued
        total += PROMPTS
        far = int((gaps > NEAR_TIE).sum())
        checks.that(far <= (FAR_ROUTED * gaps.size if routed else 0),
                    f"{name}: of {PROMPTS} prompts q8_0 continues {', '.join(map(str, continued))} as bf16 does for 1, 2, ... tokens; "
                    f"{far} of {gaps.size} other choices are no near tie{', by other experts' if routed else ''} (worst {gaps.max():.2f} below)")
        for path in (full, half, small):
            path.unlink()
    for count, alike in enumerate(same, 1):
        print(f"        {alike / total:.1%} of {total} prompts are continued alike from q8_0 and bf16, new tokens: {count}")
    for count in range(1, GATED_TOKENS + 1):
        alike = same[count - 1]
        checks.that(alike >= 0.9 * total, f"{alike / max(total, 1):.1%} of the prompts get the same {count} new tokens from q8_0 and bf16")
    checks.finish()


if __name__ == "__main__":
    main()
