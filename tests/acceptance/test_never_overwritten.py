#!/usr/bin/env python3
"""What is somebody's stays, whatever the command line: names that are taken while a run works, files in place of a run's state, the model
and the texts of `imatrix`. And what would be lost in silence is refused: weights of unknown methods, options that have no effect."""
import json
import os
import re
import signal
import subprocess
import time

from block_folders import folder_like, read_tensors
from common import GOLDEN, PROGRAM, WIDE, Checks, model, run_json, scratch, tiny_model

CHECKS, OUT = Checks(), scratch()
TINY = tiny_model(OUT / "tiny")


def call(*arguments):
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


def refused(what, code, message, *arguments):
    got, text = call(*arguments)
    CHECKS.that(got == code and re.search(message, text), f"{what}: {got} {text[-150:]}")


def stopped(target, *arguments):
    """A run that stands still in the middle."""
    journal = target.with_name(target.name + ".partial.journal")
    process = subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)
    return process


def go_on(process):
    process.send_signal(signal.SIGCONT)
    message = process.communicate()[1].strip()
    return process.returncode, message


def kept_references():
    """What `eval` reads stays, also with --force; what is written beside it needs a name of its own."""
    file, text, questions, kept = (OUT / name for name in ("judged.gguf", "judged.txt", "judged.jsonl", "judged.logits"))
    call("convert", TINY, file, "--format", "gguf", "--set", "outputs.0.options.pre_tokenizer=llama-bpe")
    text.write_text("The quick brown fox jumps over the lazy dog. " * 20)
    questions.write_text(json.dumps({"context": "a", "choices": ["b", "c"], "label": 0}) + "\n")
    command = ["eval", file, "--text", text, "--context", "16", "--chunks", "2", "--tasks", f"q:{questions}", "--reference", TINY, "--keep-reference"]
    for read, message in ((file, "belongs to the model"), (text, "is read by this run"), (questions, "is read by this run"),
                          (TINY / "config.json", "is read by this run"), (TINY / "model.safetensors", "is read by this run")):
        before = read.read_bytes()
        refused(f"--keep-reference {read.name}", 2, message, *command, read, "--force")
        CHECKS.that(read.read_bytes() == before, f"{read.name} is as it was")
    link = OUT / "judged.link"
    link.symlink_to(text)
    refused("--keep-reference LINK", 2, "is a symbolic link", *command, link, "--force")
    refused("--keep-reference ''", 2, "give the name of a file", *command, "")
    refused("--force alone", 2, "--keep-reference", "eval", file, "--text", text, "--context", "16", "--force")
    kept.write_text("mine")
    refused("--keep-reference, a name that is taken", 2, "exists; choose another name or add --force", *command, kept)
    code, message = call(*command, kept, "--force")
    CHECKS.that(code == 0 and kept.read_bytes()[:8] == b"_logits_", f"and with --force it is replaced: {code} {message[-100:]}")


def names_taken_in_a_run():
    target = OUT / "taken.gguf"
    command = ["quantize", model(WIDE), "--recipe", "iq3_s", "--threads", "1", "--to", target]
    process = stopped(target, *command)
    target.write_text("mine")
    code, message = go_on(process)
    CHECKS.that(code == 4 and target.read_text() == "mine" and "exists" in message and "again" in message, f"a file that took the name stays: {code} {message[-150:]}")
    target.unlink()
    inode = target.with_name("taken.gguf.partial").stat().st_ino
    code, message = call(*command)
    CHECKS.that(code == 0 and target.stat().st_ino == inode, f"and when it is moved away the run ends: {code} {message[-100:]}")
    folder = OUT / "folder"
    command = ["convert", model(WIDE), folder, "--format", "safetensors", "--encoding", "f32", "--threads", "1"]
    for force in (False, True):
        if force:
            folder.mkdir()
        process = stopped(folder, *command, *(["--force"] if force else []))
        folder.mkdir(exist_ok=True)
        (folder / "thesis.txt").write_text("mine")
        code, message = go_on(process)
        CHECKS.that(code == 4 and (folder / "thesis.txt").exists(), f"a folder with somebody's file stays, --force: {force}: {code} {message[-150:]}")
        subprocess.run(["rm", "-r", str(folder)], check=True)
        code, message = call(*command, *(["--force"] if force else []))
        CHECKS.that(code == 0 and not list(OUT.glob("folder.*")), f"and when it is moved away the run ends: {code} {message[-100:]}")
        subprocess.run(["rm", "-r", str(folder)], check=True)


def state_of_others():
    target, work = OUT / "state.gguf", OUT / "work"
    work.mkdir()
    (work / "journal.jsonl").write_text("my diary\n")
    for more in ([], ["--force"]):
        refused(f"a journal that is none of ours {more}", 2, "no journal of polyquant", "quantize", TINY, "--encoding", "q8_0", "--to", target, "--work", work, *more)
    CHECKS.that((work / "journal.jsonl").read_text() == "my diary\n" and not target.exists(), "it is still there")
    (OUT / "state.gguf.partial.claim").write_text("mine\n")
    (OUT / "state.gguf.partial").write_text("mine, too\n")
    for more in ([], ["--force"]):
        refused(f"a claim that is none of ours {more}", 2, "no claim of polyquant", "quantize", TINY, "--encoding", "q8_0", "--to", target, *more)
    CHECKS.that((OUT / "state.gguf.partial").read_text() == "mine, too\n", "what it seems to speak for is still there")


def folders_of_others():
    for name in ("diary.json", "adapter.safetensors", "words.model"):
        target = OUT / ("with-" + name.replace(".", "-"))
        target.mkdir()
        (target / "config.json").write_text("{}")
        (target / name).write_text("mine")
        refused(f"a folder with {name}", 2, re.escape(name), "convert", TINY, target, "--format", "safetensors", "--encoding", "f32", "--force")
    target = OUT / "with-folder"
    (target / "config.json").mkdir(parents=True)
    (target / "other.json").mkdir()
    refused("a folder with folders", 2, "no file of a model", "convert", TINY, target, "--format", "safetensors", "--encoding", "f32", "--force")
    target = OUT / "replaced"
    for more in ([], ["--force"]):
        code, message = call("convert", TINY, target, "--format", "safetensors", "--encoding", "f32", *more)
        CHECKS.that(code == 0, f"a folder of ours is replaced {more}: {code} {message[-100:]}")


def imatrix_targets():
    gguf, texts = OUT / "model.gguf", OUT / "texts.txt"
    call("quantize", TINY, "--encoding", "f16", "--to", gguf)
    texts.write_text("The quick brown fox. " * 200)
    before = gguf.read_bytes()
    options = ["--calibration", texts, "--samples", "1", "--length", "16", "--force"]
    refused("the model itself", 2, "belongs to the model", "imatrix", gguf, *options, "--to", gguf)
    os.symlink(texts, OUT / "texts.gguf")
    refused("a link", 2, "symbolic link", "imatrix", gguf, *options, "--to", OUT / "texts.gguf")
    os.symlink(OUT / "nothing", OUT / "dangling.gguf")
    refused("a link that leads nowhere", 2, "symbolic link", "imatrix", gguf, *options[:-1], "--to", OUT / "dangling.gguf")
    CHECKS.that(gguf.read_bytes() == before and (OUT / "dangling.gguf").is_symlink(), "all is as it was")
    code, message = call("imatrix", gguf, *options, "--to", OUT / "new" / "folder" / "i.gguf")
    CHECKS.that(code == 0 and (OUT / "new" / "folder" / "i.gguf").exists(), f"folders are made: {code} {message}")
    (OUT / "file").write_text("")
    refused("no folder", 2, "is no folder", "imatrix", gguf, *options, "--to", OUT / "file" / "i.gguf")


def init_targets():
    """--force replaces a pipeline, never a model or a part of one."""
    gguf, folder = OUT / "init.gguf", OUT / "init-folder"
    call("quantize", TINY, "--encoding", "f16", "--to", gguf)
    call("convert", TINY, folder, "--format", "safetensors", "--encoding", "f32")
    kept = {path: path.read_bytes() for path in (gguf, folder / "tokenizer.json", folder / "model.safetensors")}
    os.symlink(gguf, OUT / "init.yaml")
    for what, to, message, *more in (("the model", gguf, "belongs to the model", gguf), ("a link to it", OUT / "init.yaml", "symbolic link", gguf),
                                     ("a model when none is named", gguf, r"is a model \(gguf\)"), ("a part", folder / "tokenizer.json", "belongs to the model", folder),
                                     ("another model", folder / "model.safetensors", "is a model", gguf)):
        refused(f"init over {what}", 2, message, "init", *more, "--to", to, "--force")
    CHECKS.that(all(path.read_bytes() == content for path, content in kept.items()), "init: all is as it was")
    pipeline = OUT / "init-pipeline.yaml"
    pipeline.write_text("mine")
    refused("init over a text that is no pipeline", 2, "is no pipeline", "init", gguf, "--to", pipeline, "--force")
    pipeline.write_text("# mine\nversion: 1\nmodel: mine\n")
    refused("init over a pipeline", 2, "--force", "init", gguf, "--to", pipeline)
    code, message = call("init", gguf, "--to", pipeline, "--force")
    CHECKS.that(code == 0 and "# mine" not in pipeline.read_text(), f"init --force replaces a pipeline: {code} {message}")


def kept_predictions_targets():
    """--keep-reference --force replaces what an earlier one has written, nothing that the command reads."""
    gguf, other, words, tasks = OUT / "judged.gguf", OUT / "reference.gguf", OUT / "words.txt", OUT / "tasks.jsonl"
    for path in (gguf, other):
        call("quantize", TINY, "--encoding", "f16", "--to", path)
    words.write_text("The quick brown fox. " * 200)
    tasks.write_text('{"context": "a", "choices": ["b", "c"], "label": 0}\n')
    os.symlink(OUT / "nowhere", OUT / "dangling.logits")
    kept = {path: path.read_bytes() for path in (gguf, other, words, tasks)}
    options = ["--text", words, "--context", "16", "--chunks", "2"]
    for what, target, message in (("the model", gguf, "belongs to the model"), ("the text", words, "is read by this run"), ("the reference", other, "is read by this run"),
                                  ("a task", tasks, "is read by this run"), ("a link", OUT / "dangling.logits", "symbolic link")):
        refused(f"--keep-reference over {what}", 2, message, "eval", gguf, *options, "--reference", other, "--tasks", f"t:{tasks}", "--keep-reference", target, "--force")
    refused("compare --keep-reference over A", 2, "is read by this run", "compare", other, gguf, *options, "--keep-reference", other, "--force")
    CHECKS.that(all(path.read_bytes() == content for path, content in kept.items()) and (OUT / "dangling.logits").is_symlink(), "eval: all is as it was")
    for more in ([], ["--force"]):
        code, message = call("eval", gguf, *options, "--keep-reference", OUT / "base.logits", *more)
        CHECKS.that(code == 0 and (OUT / "base.logits").read_bytes()[:8] == b"_logits_", f"--keep-reference {more}: {code} {message}")
    refused("compare: a missing text is said before the tensors are read", 3, "nowhere", "compare", TINY, GOLDEN / "tiny" / "llama-256", "--text", OUT / "nowhere")


def reports():
    """The report is written last; what got its name in the meantime stays."""
    report, pipeline, target = OUT / "report.json", OUT / "reported.yaml", OUT / "reported.gguf"
    pipeline.write_text(f"version: 1\nmodel: {model(WIDE)}\nthreads: 1\nreport: {report}\noutputs: [{{format: gguf, recipe: iq3_s, to: {target}}}]\n")
    process = stopped(target, "run", pipeline)
    report.write_text("mine")
    code, message = go_on(process)
    CHECKS.that(code == 4 and report.read_text() == "mine" and target.exists() and "the outputs are complete" in message, f"a report's name that was taken: {code} {message[-170:]}")
    code, message = call("run", pipeline, "--force", "--set", "outputs.0.recipe=q8_0")
    CHECKS.that(code == 0 and "outputs" in json.loads(report.read_text()), f"--force replaces it: {code} {message[-100:]}")


def calibration_texts():
    """No output takes the place of a text that it is made with, however deep in a folder."""
    texts = OUT / "calibration"
    (texts / "deep").mkdir(parents=True)
    words = [texts / "a.txt", texts / "deep" / "b.txt"]
    for path in words:
        path.write_text("The quick brown fox. " * 200)
    for path in words:
        refused(f"an output over {path.name}", 2, "is read by this run", "quantize", TINY, "--calibration", texts, "--samples", "1", "--length", "16", "--recipe", "q8_0",
                "--format", "gguf", "--to", path, "--force")
    CHECKS.that(all(path.read_text().startswith("The quick") for path in words), "the texts are as they were")


def pipes():
    """A pipeline or a text of `<(command)` has no name that could be overwritten."""
    pipeline, words = OUT / "piped.yaml", OUT / "piped.txt"
    pipeline.write_text(f"version: 1\nmodel: {TINY}\noutputs: [{{format: gguf, encoding: q8_0, to: {OUT}/piped.gguf}}]\n")
    words.write_text("The quick brown fox. " * 200)
    for what, command in (("run", '"$0" run <(cat "$1")'), ("eval", '"$0" eval "$3" --text <(cat "$2") --context 16 --chunks 2 --keep-reference "$2.logits"')):
        done = subprocess.run(["bash", "-c", command, str(PROGRAM), str(pipeline), str(words), str(TINY)], capture_output=True, text=True)
        CHECKS.that(done.returncode == 0, f"{what} from a pipe: {done.returncode} {done.stderr.strip()[-150:]}")


def plans():
    """The plan says why a run would be refused."""
    existing, pipeline = OUT / "existing.gguf", OUT / "plan.yaml"
    existing.write_text("mine")
    for to, why in (("existing.gguf", "--force to replace"), ("tiny/config.json", "belongs to the model"), ("file/x.gguf", "is no folder"), ("state.gguf", "no claim")):
        pipeline.write_text(f"version: 1\nmodel: {TINY}\noutputs: [{{format: gguf, encoding: q8_0, to: {to}}}]\n")
        code, message = call("plan", pipeline)
        CHECKS.that(code == 0 and "would be refused" in message and why in message, f"plan of {to}: {code} {message[-150:]}")


def unknown_methods():
    tensors = read_tensors(GOLDEN / "tiny" / "llama" / "model.safetensors")
    folder = folder_like("llama", OUT / "codes", {"quant_method": "compressed-tensors", "format": "float-quantized"}, tensors)
    for arguments in (["convert", folder, OUT / "c.gguf", "--format", "gguf", "--encoding", "bf16"], ["quantize", folder, "--encoding", "q8_0", "--to", OUT / "c.gguf"],
                      ["convert", folder, OUT / "c", "--format", "safetensors", "--encoding", "f32"], ["cat", folder, "model.norm.weight"], ["logits", folder, "--tokens", "1"]):
        refused(f"{arguments[0]} of an unknown method", 3, "compressed-tensors", *arguments)
    code, message = call("inspect", folder)
    CHECKS.that(code == 0 and "compressed-tensors" in message, f"inspect shows it and says so: {code} {message}")
    code, message = call("convert", folder, OUT / "copy", "--format", "safetensors", "--lossless", "require")
    same = code == 0 and "quantization_config" in (OUT / "copy" / "config.json").read_text()
    CHECKS.that(same and read_tensors(OUT / "copy" / "model.safetensors").keys() == tensors.keys(), f"a copy keeps bytes and description: {code} {message[-150:]}")
    config = json.loads((folder / "config.json").read_text())
    config = {"padding": "x" * 100000, **config, "quantization_config": {"quant_method": "fp8"}}
    (folder / "config.json").write_text(json.dumps(config))
    format_name = run_json("inspect", folder)["format"]
    CHECKS.that(format_name == "fp8", f"a method is found behind 100 KB of config.json: {format_name}")


def options_without_effect():
    lines = OUT / "lines.jsonl"
    lines.write_text('"a"\n"b c"\n')
    both = run_json("tokens", TINY, "--lines", lines)
    CHECKS.that(len(both) == 2 and all(isinstance(ids, list) for ids in both), f"tokens --lines --json is one document: {both}")
    for option in ("--no-special", "--parse-special"):
        refused(f"logits {option} without a text", 2, "text", "logits", TINY, "--tokens", "1", option)
        refused(f"tokens {option} with chats", 2, "messages", "tokens", TINY, "--messages", lines, option)
    for option in ("--samples", "--length"):
        for value in ("0", "-3"):
            refused(f"quantize {option} {value}", 2, option, "quantize", TINY, "--encoding", "q8_0", "--to", OUT / "n.gguf", option, value)


def main():
    names_taken_in_a_run()
    state_of_others()
    folders_of_others()
    imatrix_targets()
    init_targets()
    kept_predictions_targets()
    pipes()
    reports()
    calibration_texts()
    plans()
    unknown_methods()
    options_without_effect()
    CHECKS.finish()


if __name__ == "__main__":
    main()
