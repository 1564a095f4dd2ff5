#!/usr/bin/env bash
# What the acceptance tests share: a Python environment with llama.cpp, the real models, the texts. Kept in the cache; a second call takes
# a moment. Packages that cannot be had make the tests that need them say SKIPPED; with POLYQUANT_REQUIRE_PEERS=1 they are a failure.
set -uo pipefail
cd "$(dirname "$0")/../.."
cache=${POLYQUANT_CACHE:-${HOME:?}/.cache/polyquant}
peers=$cache/peers
missing=0
lacking() { echo "SKIPPED: $*"; missing=1; }

# need MODULES [--no-deps] PACKAGE==VERSION...: installs exactly these versions, unless they are there.
need() {
  local modules=$1 options=() package
  shift
  if [ "$1" = --no-deps ]; then options=(--no-deps); shift; fi
  for package in "$@"; do
    [ "$("$peers/bin/python" -c "import importlib.metadata as m; print(m.version('${package%==*}'))" 2>/dev/null)" = "${package#*==}" ] \
      || "$peers/bin/pip" install -q "${options[@]}" "$@" || lacking "the packages $* cannot be had; tests that compare with them are skipped"
  done
  "$peers/bin/python" -c "import $modules" || lacking "the Python modules $modules cannot be imported"
}

mkdir -p "$cache"
[ -x "$peers/bin/python" ] || python3 -m venv "$peers" || lacking "no Python environment can be made (package python3-venv)"
need numpy,gguf,xllamacpp numpy==2.4.6 gguf==0.19.0 xllamacpp==2026.10.11549
# llama-quantize's one function; what else the package wants is for other parts of it.
need cyllama.llama.llama_cpp --no-deps cyllama==0.2.18
need tokenizers,sentencepiece --no-deps tokenizers==0.23.3 sentencepiece==0.2.3
need jinja2 Jinja2==3.1.6
for model in SmolLM2-135M-Instruct SmolLM2-135M-wide gemma-3-270m; do
  python3 scripts/make_model.py --model "$model" --out "$cache/models" || lacking "the model $model cannot be made here"
done
python3 scripts/make_texts.py --out "$cache/texts" || lacking "the texts cannot be made here"
[ "$missing" = 0 ] || [ "${POLYQUANT_REQUIRE_PEERS:-0}" != 1 ]
