#!/usr/bin/env python3
"""Bad inputs: each gives its documented exit code and one clear sentence with the place, leaves no file under the final name and does not
crash. Run it with POLYQUANT pointing at a sanitizer build to see the latter under ASan and UBSan."""
import re
import shutil
import subprocess

import bad_files as bad
from common import Checks, run, scratch, tiny_model

TAIL = ["--set", "outputs.0.options.pre_tokenizer=llama-bpe"]  # which the tiny model's tokenizer cannot be recognised as
YAML = """version: 1
model: MODEL
outputs:
  - {format: gguf, recipe: q4_0, to: OUT}
"""

# name, change of the pipeline text, exit code, what the message must say
PIPELINES = [
    ("broken YAML", lambda y: y + "  - [", 2, r"p\.yaml:\d+:\d+"),
    ("tab as indent", lambda y: y.replace("  - {", "\t- {"), 2, r"p\.yaml:\d+:\d+"),
    ("empty file", lambda y: "", 2, r"p\.yaml"),
    ("a list at the top", lambda y: "- a\n", 2, r"p\.yaml"),
    ("duplicate key", lambda y: y + "model: other\n", 2, r"p\.yaml:5:1.*model"),
    ("unknown key", lambda y: y.replace("recipe:", "recipee:"), 2, r"p\.yaml:4:\d+.*recipee.*recipe"),
    ("unknown top-level key", lambda y: y + "threds: 2\n", 2, r"p\.yaml:5:1.*threads"),
    ("wrong type", lambda y: y + "threads: many\n", 2, r"p\.yaml:5:10.*many"),
    ("wrong version", lambda y: y.replace("version: 1", "version: 7"), 2, r"p\.yaml:1:10.*7"),
    ("no outputs", lambda y: y.split("outputs")[0], 2, r"outputs"),
    ("unknown recipe", lambda y: y.replace("q4_0", "q4_9"), 2, r"p\.yaml:4:\d+.*q4_9.*q4_"),
    ("unknown format", lambda y: y.replace("format: gguf", "format: gguff"), 2, r"p\.yaml:4:\d+.*gguff.*gguf"),
    ("unknown encoding in a recipe that no output uses", lambda y: y + "recipes: {mine: {otherwise: q4_z}}\n", 2, r"p\.yaml:5:\d+.*q4_z"),
    ("unknown encoding", lambda y: y.replace("recipe: q4_0", "encoding: q4_z"), 2, r"p\.yaml:4:\d+.*q4_z"),
    ("unknown quantizer", lambda y: y.replace("recipe: q4_0", "recipe: q4_0, quantizer: rtnn"), 2, r"p\.yaml:4:\d+.*rtnn.*rtn"),
    ("quantizers joined by a plus", lambda y: y.replace("recipe: q4_0", "recipe: q4_0, quantizer: awq+gptq"), 2, r"p\.yaml:4:\d+.*write two of them as \[awq, gptq\]"),
    ("recipe and encoding", lambda y: y.replace("recipe: q4_0", "recipe: q4_0, encoding: q8_0"), 2, r"p\.yaml:4:\d+"),
    ("bad regular expression", lambda y: y.replace("recipe: q4_0", "recipe: q4_0, rules: [{match: '(', encoding: q8_0}]"), 2, r"p\.yaml:4:\d+"),
    ("regular expression that takes too long", lambda y: y.replace("recipe: q4_0", "recipe: q4_0, rules: [{match: '^(([a-z0-9_]+)[._]?)+[!?]', encoding: q8_0}]"),
     2, r"p\.yaml:4:\d+: the expression '\^.*' takes too long on the name '"),
    ("unset environment variable", lambda y: y.replace("MODEL", "${POLYQUANT_NOT_SET}"), 2, r"p\.yaml:2:\d+.*POLYQUANT_NOT_SET"),
    ("alias bomb", lambda y: "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n" + y, 2, r"p\.yaml:\d+:\d+"),
    ("encoding that the format lacks", lambda y: y.replace("format: gguf, recipe: q4_0", "format: safetensors, encoding: q4_0"), 2, r"q4_0"),
    ("recipe that the format lacks", lambda y: y.replace("format: gguf", "format: safetensors"), 2, r"q4_0.*, or a format that has this one"),
    ("missing model", lambda y: y.replace("MODEL", "nowhere"), 3, r"nowhere"),
]

LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a' * 16}\nsize 269060552\n"

FOLDERS = [
    ("truncated data", bad.truncated("model.safetensors", -10), r"model\.safetensors"),
    ("truncated header", bad.truncated("model.safetensors", 100), r"model\.safetensors"),
    ("seven bytes", bad.truncated("model.safetensors", 7), r"model\.safetensors"),
    ("empty file", bad.truncated("model.safetensors", 0), r"model\.safetensors"),
    ("header of 2^62 bytes", bad.huge_header, r"model\.safetensors"),
    ("shape of 2^80 elements", bad.change_header(bad.lying_shape), r"tensor '"),
    ("shape that contradicts the size", bad.change_header(bad.wrong_shape), r"tensor '"),
    ("unknown dtype", bad.change_header(bad.unknown_dtype), r"F13"),
    ("negative offsets", bad.change_header(bad.negative_offsets), r"model\.safetensors"),
    ("overlapping tensors", bad.change_header(bad.overlapping), r"model\.safetensors"),
    ("number in __metadata__", bad.change_header(bad.number_in_metadata), r"__metadata__"),
    ("duplicate tensor name", bad.duplicate_name, r"tensor '|twice|duplicate"),
    ("missing tensor", bad.missing_tensor, r"\.weight"),
    ("missing shard", bad.missing_shard, r"model-00002-of-00002"),
    ("shard outside the folder", bad.evil_shard, r"\.\./"),
    ("packed rows of another length", bad.lying_packed, r"q_proj\.weight' is stored in rows of \d+ bytes.*1048576 weights of f32"),
    ("NaN weight", bad.nan_weight, r"model: tensor '.*q_proj\.weight' holds NaN"),
    ("no config.json", bad.remove("config.json"), r"config\.json"),
    ("config.json is no JSON", bad.text("config.json", "{"), r"config\.json"),
    ("unknown architecture", bad.config(lambda c: c.update(architectures=["NoSuchForCausalLM"], model_type="nosuch")), r"NoSuch|nosuch"),
    ("missing config key", bad.config(lambda c: c.pop("hidden_size")), r"hidden_size"),
    ("contradicting config", bad.config(lambda c: c.update(hidden_size=128)), r"hidden_size|shape"),
    ("unknown rope type", bad.config(lambda c: c.update(rope_parameters={"rope_type": "spiral", "rope_theta": 1e4})), r"spiral"),
    ("no tokenizer", bad.remove("tokenizer.json"), r"tokenizer"),
    ("tokenizer.json is no JSON", bad.text("tokenizer.json", "[1,2"), r"tokenizer\.json"),
    ("no weights", bad.remove("model.safetensors"), r"safetensors"),
    ("weights that git-lfs has not fetched", bad.text("model.safetensors", LFS), r"model\.safetensors: is a git-lfs pointer.*`git lfs pull`"),
    ("tokenizer that git-lfs has not fetched", bad.text("tokenizer.json", LFS), r"tokenizer\.json: is a git-lfs pointer"),
    ("index that git-lfs has not fetched", bad.text("model.safetensors.index.json", LFS), r"index\.json: is a git-lfs pointer"),
]

GGUF = [
    ("wrong magic", bad.gguf_patch(0, b"GGML"), r"x\.gguf"),
    ("version 9", bad.gguf_patch(4, b"\x09\0\0\0"), r"version"),
    ("2^64-1 tensors", bad.gguf_patch(8, bad.U64_MAX), r"tensor"),
    ("no tensors", bad.gguf_patch(8, bytes(8)), r"x\.gguf: holds no tensors"),
    ("2^64-1 keys", bad.gguf_patch(16, bad.U64_MAX), r"key|metadata"),
    ("key of 2^64-1 bytes", bad.gguf_patch(24, bad.U64_MAX), r"x\.gguf"),
    ("cut in the header", bad.truncated("", 200), r"x\.gguf"),
    ("cut in the data", bad.truncated("", -4000), r"x\.gguf"),
    ("empty", bad.truncated("", 0), r"x\.gguf"),
    ("not fetched by git-lfs", bad.text("", LFS), r"x\.gguf: is a git-lfs pointer"),
]


class Runner:
    def __init__(self):
        self.checks, self.out = Checks(), scratch()
        self.clean = tiny_model(self.out / "clean")
        self.gguf = self.out / "clean.gguf"
        run("quantize", self.clean, "--recipe", "bf16", "--to", self.gguf, *TAIL)

    def fresh(self, name="model"):
        folder = self.out / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.clean, folder)
        return folder

    def expect(self, name, code, pattern, arguments, target=None, **options):
        result = run(*arguments, code=None, **options)
        message = result.stderr.decode(errors="replace").strip()
        errors = [line for line in message.splitlines() if line.startswith("polyquant: error:")]
        left = [] if target is None else [str(p.name) for p in target.parent.glob(target.name + "*")]
        good = result.returncode == code and len(errors) == 1 and re.search(pattern, errors[0]) and not left and "Sanitizer" not in message
        shown = errors[0][18:] if errors else message[-300:]
        self.checks.that(good, f"{name}: {result.returncode} {shown}{' LEFT ' + str(left) if left else ''}")

    def quantize(self, name, model, pattern, code=3):
        target = self.out / "result.gguf"
        self.expect(name, code, pattern, ["quantize", model, "--recipe", "q4_0", "--to", target, *TAIL], target)


def pipelines(runner):
    for name, change, code, pattern in PIPELINES:
        target = runner.out / "result.gguf"
        path = runner.out / "p.yaml"
        path.write_text(change(YAML).replace("MODEL", str(runner.clean)).replace("OUT", str(target)))
        runner.expect(name, code, pattern, ["run", path], target)


def models(runner):
    for name, spoil, pattern in FOLDERS:
        folder = runner.fresh()
        spoil(folder)
        runner.quantize("folder: " + name, folder, pattern)
    for name, spoil, pattern in GGUF:
        path = runner.out / "x.gguf"
        shutil.copy(runner.gguf, path)
        spoil(path)
        runner.quantize("gguf: " + name, path, pattern)
    # Copied as it is, the file says what engines will miss.
    (runner.out / "gap.gguf").write_bytes(runner.gguf.read_bytes().replace(b"blk.0.attn_q.weight", b"blk.0.attn_z.weight"))
    said = run("quantize", runner.out / "gap.gguf", "--recipe", "q8_0", "--to", runner.out / "copied.gguf").stderr.decode()
    runner.checks.that(re.search(r"warning: .*attn_q.*will not run either", said) is not None, f"gguf: a tensor with another name: {said.strip()[-250:]}")
    picture = runner.out / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    runner.quantize("not a model", picture, r"picture\.png")


def places(runner):
    existing = runner.out / "existing.gguf"
    existing.write_bytes(b"precious")
    runner.expect("existing output", 2, r"existing\.gguf.*--force", ["quantize", runner.clean, "--recipe", "q4_0", "--to", existing, *TAIL])
    runner.checks.that(existing.read_bytes() == b"precious", "existing output: untouched")
    runner.expect("output over the model", 2, r"belongs to the model",
                  ["convert", runner.gguf, runner.gguf, "--format", "gguf", "--encoding", "f16", "--force"])
    blocked = runner.out / "blocked"
    blocked.write_text("a file")
    runner.expect("folder that cannot be made", 2, r"blocked", ["quantize", runner.clean, "--recipe", "q4_0", "--to", blocked / "x.gguf", *TAIL])
    same = runner.out / "p.yaml"
    same.write_text(YAML.replace("MODEL", str(runner.clean)).replace("OUT", "twice.gguf") + "  - {format: gguf, recipe: q8_0, to: twice.gguf}\n")
    runner.expect("two outputs in one place", 2, r"twice\.gguf", ["run", same])
    runner.expect("unknown option", 2, r"--recipy", ["quantize", runner.clean, "--recipy", "q4_0", "--to", runner.out / "x.gguf"])
    runner.expect("unknown command", 2, r"quantise.*quantize", ["quantise", runner.clean])


def plugins(runner):
    folder = runner.out / "plugins"
    folder.mkdir()
    (folder / "text.so").write_text("this is no library")
    runner.expect("text file as plugin", 6, r"text\.so", ["plugins", "--check", folder / "text.so"])
    runner.expect("missing plugin", 6, r"none\.so", ["plugins", "--check", folder / "none.so"])


def main():
    runner = Runner()
    pipelines(runner)
    models(runner)
    places(runner)
    plugins(runner)
    runner.checks.finish()


if __name__ == "__main__":
    main()
