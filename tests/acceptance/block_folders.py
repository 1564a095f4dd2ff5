"""Folders as gpt-oss and DeepSeek-V3 are published, in the shape of the tiny checkpoints: random codes and scales, and the weights that they mean,
computed with numpy as the specifications say."""
import json
import shutil

from arrays import np

from common import GOLDEN

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
DTYPES = {"BF16": np.dtype("<u2"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I32": np.dtype("<i4"), "I64": np.dtype("<i8"), "U8": np.dtype("u1"), "F8_E4M3": np.dtype("u1")}


def read_tensors(path):
    """{name: (dtype, array)} of a safetensors file."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], np.frombuffer(raw, DTYPES[entry["dtype"]], offset=8 + size + entry["data_offsets"][0],
                                                 count=int(np.prod(entry["shape"]))).reshape(entry["shape"])) for name, entry in header.items()}


def write_tensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for _, array in tensors.values()))


def folder_like(name, path, quantization, tensors):
    """The tiny checkpoint with other tensors and a description of their storage."""
    shutil.copytree(GOLDEN / "tiny" / name, path, ignore=shutil.ignore_patterns("gguf.json", "texts.json", "*.safetensors*"))
    config = json.loads((path / "config.json").read_text())
    if quantization:
        config["quantization_config"] = quantization
    (path / "config.json").write_text(json.dumps(config, indent=2))
    write_tensors(path / "model.safetensors", tensors)
    return path


def mxfp4_folder(path, random):
    """(folder, {name of the expert matrices: weights [experts, out, in]}, {the same: GGUF's blocks})."""
    source = read_tensors(GOLDEN / "tiny" / "gpt-oss" / "model.safetensors")
    tensors, weights, packed = {}, {}, {}
    for name, (dtype, array) in source.items():
        if not name.endswith(("gate_up_proj", "down_proj")):
            tensors[name] = (dtype, array)
            continue
        experts, cols, rows = array.shape  # [experts, in, out] in 16 bits, [experts, out, in / 32, 16] in blocks
        blocks = random.integers(0, 256, (experts, rows, cols // 32, 16), np.uint8)
        scales = random.integers(112, 124, (experts, rows, cols // 32), np.uint8)
        tensors[name + "_blocks"], tensors[name + "_scales"] = ("U8", blocks), ("U8", scales)
        codes = np.stack([blocks & 15, blocks >> 4], -1).reshape(experts, rows, cols // 32, 32)
        weights[name] = (FP4[codes] * np.exp2(scales.astype(np.float32) - 127)[..., None]).reshape(experts, rows, cols)
        nibbles = codes[..., :16] | codes[..., 16:] << 4
        packed[name] = np.concatenate([scales[..., None], nibbles], -1).reshape(experts, rows, -1)
    return folder_like("gpt-oss", path, {"quant_method": "mxfp4"}, tensors), weights, packed


def as_f32(array):
    return (array.astype(np.uint32) << 16).view(np.float32)


def e4m3(codes):
    codes = codes.astype(np.int32)
    exponent, mantissa = codes >> 3 & 15, codes & 7
    magnitude = np.where(exponent == 0, mantissa * 2.0 ** -9, (8 + mantissa) * np.exp2(exponent - 10.0))
    return np.where(codes & 128, -magnitude, magnitude).astype(np.float32)


def fp8_folders(path, tile, dtype):
    """(folder, the same with decoded matrices): every matrix but embeddings, head and routers as FP8."""
    random, rows, cols = np.random.default_rng(4), *tile
    stored, plain = {}, {}
    for name, (kind, array) in read_tensors(GOLDEN / "tiny" / "deepseek-v3" / "model.safetensors").items():
        is_matrix = array.ndim == 2 and ("_proj" in name) and name.endswith(".weight")
        if not is_matrix:
            stored[name] = plain[name] = (kind, array)
            continue
        codes = random.integers(0, 255, array.shape, np.uint8)
        codes[codes == 127] = 126  # 127 and 255 are NaN
        shape = [-(-array.shape[0] // rows), -(-array.shape[1] // cols)]
        scales = (random.random(shape, np.float32) * 1e-3).astype(np.float32)
        if dtype == "BF16":
            scales = as_f32(scales.view(np.uint32) >> 16)
        stored[name] = ("F8_E4M3", codes)
        stored[name + "_scale_inv"] = (dtype, scales if dtype == "F32" else (scales.view(np.uint32) >> 16).astype("<u2"))
        wide = np.repeat(np.repeat(scales, rows, 0), cols, 1)[:array.shape[0], :array.shape[1]]
        plain[name] = ("F32", e4m3(codes) * wide)
    quantization = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": list(tile)}
    return folder_like("deepseek-v3", path, quantization, stored), folder_like("deepseek-v3", path.with_name(path.name + "-plain"), None, plain)
