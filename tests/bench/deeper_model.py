"""A larger model out of a small one, for timing: a Llama-like Hugging Face folder whose layers are there several times."""
import json
import re
import shutil
import struct


def deeper_model(source, target, times):
    """Writes `target`, a copy of the folder `source` with `times` as many layers; returns it."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_file() and path.name not in ("model.safetensors", "config.json"):
            shutil.copy(path, target)
    config = json.loads((source / "config.json").read_text())
    layers = config["num_hidden_layers"]
    config["num_hidden_layers"] = layers * times
    (target / "config.json").write_text(json.dumps(config, indent=2))
    with open(source / "model.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    parts, place, written = {}, 0, []
    for name, info in header.items():
        if name == "__metadata__":
            parts[name] = info
            continue
        begin, end = info["data_offsets"]
        layer = re.search(r"\.layers\.(\d+)\.", name)
        for copy in range(times if layer else 1):
            copied = name[:layer.start(1)] + str(int(layer.group(1)) + copy * layers) + name[layer.end(1):] if layer else name
            parts[copied] = {**info, "data_offsets": [place, place + end - begin]}
            written.append((begin, end))
            place += end - begin
    text = json.dumps(parts).encode()
    text += b" " * (-len(text) % 8)
    with open(target / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for begin, end in written:
            file.write(memoryview(data)[begin:end])
    return target
