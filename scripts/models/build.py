"""Builds one model folder from its source file."""

import json
import shutil

import numpy as np

from .catalog import GEMMA, MODELS, WIDE
from .common import fail, sha256_of
from .configs import gemma_configs, smollm_configs
from .rearrange import Rearrangement, Widening
from .safetensors import bfloat16_bits, write_safetensors
from .source import Source
from .tokenizers import gemma_tokenizer, smollm_tokenizer


def build(name, source_path, folder):
    """Makes `folder` in one rename, so that it is either complete or absent."""
    model = MODELS[name]
    source = Source(source_path, model.source.architecture)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_safetensors(partial / "model.safetensors", _tensors(name, source))
    for file, value in _json_files(name, source).items():
        _write_json(partial / file, value)
    for file, expected in (("model.safetensors", model.weights_sha256), ("tokenizer.json", model.tokenizer_sha256)):
        if sha256_of(partial / file) != expected:
            fail(f"{partial / file} has an unexpected checksum; this script or the installed numpy is at fault")
    partial.rename(folder)


def _tensors(name, source):
    rearrange = Widening(name, source) if name == WIDE else Rearrangement(name, source)
    tensors = {}
    for hf_name, values in source.tensors():
        values = rearrange(hf_name, values)
        if not np.isfinite(values).all():
            fail(f"{name}: {hf_name} has values that are not finite")
        tensors[hf_name] = bfloat16_bits(values)
    return tensors


def _json_files(name, source):
    config, generation = gemma_configs(source) if name == GEMMA else smollm_configs(source, name == WIDE)
    tokenizer, tokenizer_config, special = gemma_tokenizer(source) if name == GEMMA else smollm_tokenizer(source)
    return {"config.json": config, "generation_config.json": generation, "tokenizer.json": tokenizer,
            "tokenizer_config.json": tokenizer_config, "special_tokens_map.json": special}


def _write_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")
