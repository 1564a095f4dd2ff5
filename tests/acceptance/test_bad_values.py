#!/usr/bin/env python3
"""Weights and names that a file may hold, but that must not get further: out of an encoding's range, without elements, with codes for
terminals; and plugins that cannot be used."""
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import time

from common import PROGRAM, Checks, scratch

CHECKS, OUT = Checks(), scratch()


def call(*arguments, env=None, program=PROGRAM):
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, timeout=60, env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace").strip()


def safetensors(path, tensors):
    """{name: (dtype, shape, bytes)}"""
    head, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def beyond_range():
    values = [1.0] * 64
    values[33] = 1e6
    source = safetensors(OUT / "large.safetensors", {"w": ("F32", [4, 16], struct.pack("<64f", *values))})
    for encoding, code in (("f16", 5), ("q8_0", 2), ("bf16", 0)):
        target = OUT / f"{encoding}.safetensors"
        got, text, message = call("convert", source, target, "--encoding", encoding, "--json")
        if code == 5:
            CHECKS.that(got == 5 and re.search(r"'w', row 2: .*1e\+06.* f16", message) and not list(OUT.glob("f16*")), f"1e6 as f16: {got}, {message}")
        elif code == 2:
            CHECKS.that(got == 2 and "q8_0" in message and not target.exists(), f"{encoding} in a safetensors file: {got}, {message}")
        else:
            error = json.loads(text)["outputs"][0]["relative_error"]
            CHECKS.that(got == 0 and error <= 2.0**-16, f"1e6 as {encoding}: {got}, relative error {error:g}")


def no_elements():
    source = safetensors(OUT / "empty.safetensors", {"w": ("F32", [1 << 33, 0], b""), "v": ("F32", [2], struct.pack("<2f", 1, 2))})
    for arguments in (("convert", source, OUT / "e.safetensors", "--encoding", "bf16"), ("compare", source, source), ("inspect", source, "w"), ("inspect", source, "--check"),
                      ("cat", source, "w")):
        begin = time.monotonic()
        got, _, message = call(*arguments)
        seconds = time.monotonic() - begin
        CHECKS.that(got in ((5,) if "--check" in arguments else (0,)) and seconds < 5, f"2^33 rows without weights, {arguments[0]}: {got} after {seconds:.2f} s {message}")


def names():
    source = safetensors(OUT / "names.safetensors", {"\x1b[2Jw\u009b1m": ("F32", [2], struct.pack("<2f", 1, 2)), "\x1b]0;owned\x07": ("F32", [2], bytes(8))})
    for arguments in (("inspect", source), ("inspect", source, "\x1b[2Jw\u009b1m"), ("inspect", source, "\x1b[31mnone"), ("compare", source, source),
                      ("convert", source, OUT / "n.safetensors")):
        got, text, message = call(*arguments)
        steering = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", text + message)
        CHECKS.that(not steering, f"{arguments[0]} shows no control characters: {got} {message[:90]}")
    # So many keys that looking for each among all others shows.
    text = json.dumps({"__metadata__": {f"key{i}": "v" for i in range(100000)}}).encode()
    many = OUT / "many.safetensors"
    many.write_bytes(struct.pack("<Q", len(text)) + text)
    begin = time.monotonic()
    got, text, _ = call("inspect", many, "--json")
    seconds = time.monotonic() - begin
    CHECKS.that(got == 0 and len(json.loads(text)["metadata"]) == 100000 and seconds < 10, f"100000 keys as JSON: {got} after {seconds:.2f} s")


def plugins():
    source = safetensors(OUT / "small.safetensors", {"w": ("F32", [2, 32], bytes(256))})
    installed = pathlib.Path(next(p["file"] for p in json.loads(call("plugins", "--json")[1]) if p["name"] == "rtn")).parent
    broken = OUT / "broken"
    broken.mkdir()
    (broken / "rtn.so").write_bytes(b"no library")
    target = OUT / "shadowed.safetensors"
    got, _, message = call("convert", source, target, "--encoding", "bf16", "--plugin-path", broken)
    CHECKS.that(got == 0 and "rtn.so" in message, f"a broken plugin does not hide the one of the installation: {got}, {message}")
    # An installation of which a plugin is broken.
    for name, encoding in (("rtn", "bf16"), ("gguf_legacy", "q4_0"), ("float", "bf16")):
        folder = OUT / f"without-{name}"
        shutil.copytree(installed, folder / "lib" / "polyquant" / "plugins")
        for library in installed.parents[1].glob("libpolyquant.so*"):
            shutil.copy(library, folder / "lib")
        (folder / "bin").mkdir()
        program = shutil.copy(PROGRAM, folder / "bin")
        (folder / "lib" / "polyquant" / "plugins" / f"{name}.so").write_bytes(b"no library")
        data = {"POLYQUANT_DATA": str(installed.parents[2] / "share" / "polyquant")}
        for verb in (["convert", source, OUT / f"{name}.safetensors", "--encoding", encoding], ["cat", source, "w"]):
            if verb[0] == "cat" and name != "float":
                continue
            got, _, message = call(*verb, env=data, program=program)
            CHECKS.that(got == 6 and f"{name}.so" in message, f"without {name}.so {verb[0]}: {got}, {message[-200:]}")


def main():
    beyond_range()
    no_elements()
    names()
    plugins()
    CHECKS.finish()


if __name__ == "__main__":
    main()
