"""Damaged and lying model files for test_bad_inputs.py. Each function gets a fresh copy of the tiny model (a Hugging Face folder) or of
its GGUF file and spoils it."""
import json
import struct


def header(path):
    """(header dictionary, data) of a safetensors file."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8:8 + size]), raw[8 + size:]


def rewrite(path, head, data):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def first_tensor(head):
    return next(name for name in head if name != "__metadata__")


def change_header(change):
    def spoil(folder):
        path = folder / "model.safetensors"
        head, data = header(path)
        change(head)
        rewrite(path, head, data)
    return spoil


def lying_shape(head):
    head[first_tensor(head)]["shape"] = [1 << 40, 1 << 40]


def wrong_shape(head):
    head[first_tensor(head)]["shape"][0] += 1


def unknown_dtype(head):
    head[first_tensor(head)]["dtype"] = "F13"


def negative_offsets(head):
    head[first_tensor(head)]["data_offsets"][0] = -8


def overlapping(head):
    names = [name for name in head if name != "__metadata__"]
    head[names[1]]["data_offsets"] = list(head[names[0]]["data_offsets"])


def number_in_metadata(head):
    head["__metadata__"] = {"format": 3}


def missing_tensor(folder):
    path = folder / "model.safetensors"
    head, data = header(path)
    last = max((name for name in head if name != "__metadata__"), key=lambda name: head[name]["data_offsets"][1])
    begin = head.pop(last)["data_offsets"][0]
    rewrite(path, head, data[:begin])


def nan_weight(folder):
    path = folder / "model.safetensors"
    head, data = header(path)
    name = next(n for n in head if n.endswith("q_proj.weight"))
    begin = head[name]["data_offsets"][0]
    rewrite(path, head, data[:begin] + b"\xc0\x7f" + data[begin + 2:])  # bf16 NaN


def lying_packed(folder):
    """Bytes that claim to be rows of an encoding that needs far more of them."""
    path = folder / "model.safetensors"
    head, data = header(path)
    name = next(n for n in head if n.endswith("q_proj.weight"))
    rows = head[name]["shape"][0]
    begin, end = head[name]["data_offsets"]
    head[name].update(dtype="U8", shape=[rows, (end - begin) // rows])
    packed = {name: {"encoding": "f32", "shape": [rows, 1 << 20]}}
    head.setdefault("__metadata__", {})["polyquant.packed"] = json.dumps(packed)
    rewrite(path, head, data)


def truncated(name, keep):
    def spoil(folder):
        path = folder / name if folder.is_dir() else folder
        raw = path.read_bytes()
        path.write_bytes(raw[:keep if keep >= 0 else len(raw) + keep])
    return spoil


def huge_header(folder):
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 62) + path.read_bytes()[8:])


def duplicate_name(folder):
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    text = raw[8:8 + size].strip()
    head = json.loads(text)
    name = first_tensor(head)
    rewrite(path, text[:-1] + b"," + json.dumps({name: head[name]}).encode()[1:], raw[8 + size:])


def missing_shard(folder):
    head, _ = header(folder / "model.safetensors")
    names = [name for name in head if name != "__metadata__"]
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shard = {name: f"model-0000{1 + (i % 2)}-of-00002.safetensors" for i, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shard}))


def evil_shard(folder):
    head, _ = header(folder / "model.safetensors")
    names = {name: "../../etc/passwd" for name in head if name != "__metadata__"}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def config(change):
    def spoil(folder):
        path = folder / "config.json"
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))
    return spoil


def text(name, content):
    def spoil(folder):
        (folder / name).write_text(content)
    return spoil


def remove(name):
    def spoil(folder):
        (folder / name).unlink()
    return spoil


def gguf_patch(offset, raw):
    def spoil(path):
        data = bytearray(path.read_bytes())
        data[offset:offset + len(raw)] = raw
        path.write_bytes(data)
    return spoil


U64_MAX = struct.pack("<Q", (1 << 64) - 1)
