"""GGUF names and layouts -> Hugging Face."""

import numpy as np

from .blocks import dequantize
from .common import fail
from .gguf import GgufFile

LLAMA_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}
GEMMA_NAMES = LLAMA_NAMES | {
    "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
}
TOP_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


def hf_name(name, layer_names):
    base, suffix = name.rsplit(".", 1)
    if base in TOP_NAMES:
        return f"{TOP_NAMES[base]}.{suffix}"
    parts = base.split(".")
    if len(parts) == 3 and parts[0] == "blk" and parts[2] in layer_names:
        return f"model.layers.{parts[1]}.{layer_names[parts[2]]}.{suffix}"
    fail(f"unexpected tensor {name}")


def half_rotation_rows(array, heads):
    """Undoes the row order GGUF uses for llama q/k: in each head, row 2j + s becomes row s * hd/2 + j."""
    rows, columns = array.shape
    return array.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


class Source:
    """A GGUF file: metadata by key ({a} stands for the architecture), tensors with Hugging Face names."""

    def __init__(self, path, architecture):
        self.file = GgufFile(path)
        self.architecture = architecture
        if self["general.architecture"] != architecture:
            fail(f"{path} holds a {self['general.architecture']} model, expected {architecture}")

    def get(self, key):
        return self.file.metadata.get(key.replace("{a}", self.architecture))

    def __getitem__(self, key):
        value = self.get(key)
        if value is None:
            fail(f"the GGUF file has no key {key}")
        return value

    def decimal(self, key):
        """A float32 metadata value as the shortest decimal that gives the same float32."""
        return float(str(np.float32(self[key])))

    def tensors(self):
        """Yields (HF name, values)."""
        names = LLAMA_NAMES if self.architecture == "llama" else GEMMA_NAMES
        for gguf_name, kind, shape, raw in self.file.tensors():
            name = hf_name(gguf_name, names)
            values = dequantize(gguf_name, kind, shape, raw)
            if self.architecture == "llama":
                heads = {"q": "{a}.attention.head_count", "k": "{a}.attention.head_count_kv"}
                for letter, key in heads.items():
                    if f".{letter}_proj." in name:
                        values = half_rotation_rows(values, self[key])
            elif name.endswith("norm.weight"):
                values = values - np.float32(1)
            yield name, values
