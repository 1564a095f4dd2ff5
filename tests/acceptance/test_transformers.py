#!/usr/bin/env python3
"""Folders that come back from GGUF, in the real transformers: every checkpoint of tests/golden/tiny goes to GGUF and back; both folders load, and
compute the same logits and token ids.

transformers and torch take 3 GB and are kept in an environment of their own, in the cache; it is made if POLYQUANT_TORCH=1, because most
machines have no use for it.

    test_transformers.py [NAME...]     only these checkpoints
"""
import json
import os
import subprocess
import sys

from common import CACHE, GOLDEN, Checks, run, scratch, skip

# What GGUF cannot say about a checkpoint, in the words of tests/golden/tiny/README.md: the folder that comes back computes something else.
LOST = {"llama-dynamic": "dynamic rope scaling", "mistral": "the attention window", "gemma2-scalar": "query_pre_attn_scalar"}
SAME = 1e-6  # of the logits' standard deviation: the weights are the same bytes, only the order of tensors in the file may differ


def with_transformers():
    """Goes on in the environment that has transformers, or skips the script."""
    python = CACHE / "transformers" / "bin" / "python"
    if sys.executable == str(python):
        return
    if not python.exists() and os.environ.get("POLYQUANT_TORCH") == "1":
        subprocess.run([sys.executable, "-m", "venv", str(CACHE / "transformers")], check=False)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "torch", "transformers", "safetensors", "sentencepiece"], check=False)
    works = python.exists() and subprocess.run([str(python), "-c", "import torch, transformers"], capture_output=True, check=False).returncode == 0
    if not works:
        skip(f"torch and transformers are not in {CACHE / 'transformers'}; POLYQUANT_TORCH=1 installs them (3 GB)")
    os.execv(str(python), [str(python), *sys.argv])


def converted(name, out):
    """The checkpoint after HF -> GGUF -> HF, with the encoding of its matrices."""
    source = GOLDEN / "tiny" / name
    pre = json.loads((source / "gguf.json").read_text()).get("fixed_pre")
    options = ["--set", f"outputs.0.options.pre_tokenizer={pre}"] if pre else []
    file, folder = out / f"{name}.gguf", out / name
    run("convert", source, file, "--format", "gguf", *options)
    run("convert", file, folder, "--format", "safetensors", "--encoding", kind(source))
    return folder


def kind(folder):
    config = json.loads((folder / "config.json").read_text())
    return {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}[config.get("dtype") or config.get("torch_dtype") or "bfloat16"]


def logits_of(path, ids, quantization=None):
    import torch
    from transformers import AutoModelForCausalLM
    more = {"quantization_config": quantization} if quantization else {}
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", **more)
    with torch.no_grad():
        return model.eval()(input_ids=ids, use_cache=False).logits[0].float()


class Folder:
    """A folder in transformers: logits in f32 arithmetic, token ids, and weights that were expected or left over."""

    def __init__(self, path, ids, texts):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        model, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        self.problems = {key: sorted(map(str, names))[:3] for key, names in info.items() if names and "keys" in key}
        self.kind = type(model).__name__
        with torch.no_grad():
            self.logits = model.eval()(input_ids=ids, use_cache=False).logits[0].float()
        tokenizer = AutoTokenizer.from_pretrained(path)
        self.tokens = [tokenizer(text)["input_ids"] for text in texts]
        self.special = {key: getattr(tokenizer, key + "_token_id") for key in ("bos", "eos", "pad", "unk")}


def check(checks, name, folder, ids):
    golden = json.loads((GOLDEN / "tiny" / name / "texts.json").read_text())
    texts = [entry["text"] for entry in golden]
    try:
        before = Folder(GOLDEN / "tiny" / name, ids, texts)
    except Exception as error:  # a folder that transformers itself cannot read is no measure
        print(f"        {name}: transformers does not load the source folder: {type(error).__name__}: {str(error)[:200]}")
        return
    try:
        after = Folder(folder, ids, texts)
    except Exception as error:
        checks.that(False, f"{name}: transformers does not load the folder: {type(error).__name__}: {str(error)[:300]}")
        return
    checks.that(not after.problems and (after.kind == before.kind or name in LOST), f"{name}: loads as {after.kind} {after.problems or ''}")
    error = float((after.logits - before.logits).abs().max() / before.logits.std())
    if name in LOST:
        checks.that(error > SAME, f"{name}: logits differ by {error:.1e} of their deviation: {LOST[name]} has no form in GGUF")
    else:
        checks.that(error <= SAME, f"{name}: logits differ by {error:.1e} of their deviation")
    # Golden ids are those of tokenizer.json; the class LlamaTokenizer of transformers 5 builds another tokenizer from its vocabulary.
    different = [entry["text"] for entry, ids in zip(golden, after.tokens) if ids != entry["ids"]]
    checks.that(not different, f"{name}: token ids of {len(texts)} texts are those of the source's tokenizer.json {different[:1] or ''}")
    if before.tokens != after.tokens:
        print(f"        {name}: transformers gives other ids for the source folder, whose tokenizer_class it rebuilds")
    if after.special != before.special:
        print(f"        {name}: special tokens {before.special} came back as {after.special}")


def check_published(checks, out, ids):
    """gpt-oss with MXFP4 and DeepSeek-V3 with FP8, which transformers decodes when it loads them, against bf16 and f32 folders of ours."""
    import numpy as np
    from block_folders import fp8_folders, mxfp4_folder
    from transformers import FineGrainedFP8Config, Mxfp4Config
    mxfp4, _, _ = mxfp4_folder(out / "mxfp4", np.random.default_rng(3))
    fp8, _ = fp8_folders(out / "fp8", (8, 8), "F32")
    for folder, config, encoding in ((mxfp4, Mxfp4Config(dequantize=True), "bf16"), (fp8, FineGrainedFP8Config(dequantize=True, weight_block_size=(8, 8)), "f32")):
        ours = out / f"{folder.name}.plain"
        run("convert", folder, ours, "--format", "safetensors", "--encoding", encoding)
        try:
            theirs = logits_of(folder, ids, config)
        except Exception as error:
            print(f"        {folder.name}: transformers does not load the folder here: {type(error).__name__}: {str(error)[:200]}")
            continue
        error = float((logits_of(ours, ids) - theirs).abs().max() / theirs.std())
        # transformers decodes to bf16 first.
        checks.that(error <= (SAME if encoding == "bf16" else 0.1), f"{folder.name}: logits differ by {error:.1e} of their deviation")


def main():
    with_transformers()
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    checks, out, only = Checks(), scratch(), sys.argv[1:]
    for entry in json.loads((GOLDEN / "tiny" / "index.json").read_text()):
        name = entry["name"]
        if only and name not in only:
            continue
        size = json.loads((GOLDEN / "tiny" / name / "config.json").read_text())["vocab_size"]
        ids = torch.randint(3, size - 8, (1, 40), generator=torch.Generator().manual_seed(7))
        check(checks, name, converted(name, out), ids)
    if not only:
        check_published(checks, out, torch.arange(3, 43)[None])
    checks.finish()


if __name__ == "__main__":
    main()
