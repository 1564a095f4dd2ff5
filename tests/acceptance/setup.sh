#!/usr/bin/env bash
# What the acceptance tests share: a Python environment with llama.cpp, the real models, the texts. Kept in the cache; a second call takes
# a moment. Never fails for packages that cannot be had: the tests that need them then say SKIPPED.
set -uo pipefail
cd "$(dirname "$0")/../.."
cache=${POLYQUANT_CACHE:-${HOME:?}/.cache/polyquant}
peers=$cache/peers
mkdir -p "$cache"
[ -x "$peers/bin/python" ] || python3 -m venv "$peers" || echo "SKIPPED: no Python environment can be made (package python3-venv)"
"$peers/bin/python" -c 'import numpy, gguf, xllamacpp' 2>/dev/null \
  || "$peers/bin/pip" install -q numpy==2.4.6 gguf==0.19.0 xllamacpp==2026.10.11549 || "$peers/bin/pip" install -q numpy gguf xllamacpp \
  || echo "SKIPPED: the packages numpy, gguf and xllamacpp cannot be had; tests against llama.cpp are skipped"
# llama-quantize's one function; what else the package wants is for other parts of it.
"$peers/bin/python" -c 'import cyllama.llama.llama_cpp' 2>/dev/null \
  || "$peers/bin/pip" install -q --no-deps cyllama==0.2.18 || "$peers/bin/pip" install -q --no-deps cyllama \
  || echo "SKIPPED: the package cyllama cannot be had; comparisons with llama-quantize are skipped"
"$peers/bin/python" -c 'import tokenizers, sentencepiece' 2>/dev/null || "$peers/bin/pip" install -q --no-deps tokenizers==0.23.3 sentencepiece \
  || echo "SKIPPED: the packages tokenizers and sentencepiece cannot be had; ids of folders are compared with golden data only"
"$peers/bin/python" -c 'import jinja2' 2>/dev/null || "$peers/bin/pip" install -q jinja2==3.1.6 \
  || echo "SKIPPED: the package jinja2 cannot be had; chats are compared with a text of the test only"
for model in SmolLM2-135M-Instruct gemma-3-270m; do
  python3 scripts/make_model.py --model "$model" --out "$cache/models" || echo "SKIPPED: the model $model cannot be made here"
done
python3 scripts/make_texts.py --out "$cache/texts" || echo "SKIPPED: the texts cannot be made here"
exit 0
