#!/usr/bin/env bash
# From a bare Debian machine to a first quantized model:  bash scripts/quickstart.sh
# Steps that were done before are skipped, so that a second call takes seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "quickstart: error: $*" >&2; exit 1; }
step() { printf '\n== %s\n' "$*"; }

model=SmolLM2-135M-Instruct
cache=${POLYQUANT_CACHE:-${HOME:?}/.cache/polyquant}
# Read by pipelines/examples/quickstart.yaml.
export POLYQUANT_CACHE=$cache
export POLYQUANT_MODELS=${POLYQUANT_MODELS:-$cache/models}
export POLYQUANT_OUT=${POLYQUANT_OUT:-$PWD/out}
output=$POLYQUANT_OUT/$model-Q4_0.gguf
polyquant=build/release/bin/polyquant

step "1/4 packages and program"
bash scripts/packages.sh build || die "packages are missing (see above)"
bash scripts/build.sh release program || die "the program could not be built (see above)"

step "2/4 a small real model: $model, 135 million parameters"
python3 scripts/make_model.py --model "$model" --out "$POLYQUANT_MODELS" \
  || die "the model could not be made (see above)"

step "3/4 polyquant run pipelines/examples/quickstart.yaml"
if [ -f "$output" ]; then
  echo "$output is there from an earlier call and is kept; delete it to make it again"
else
  mkdir -p "$POLYQUANT_OUT"
  "$polyquant" run pipelines/examples/quickstart.yaml || die "polyquant stopped with exit code $?"
  [ -f "$output" ] || die "polyquant reported success, but there is no $output"
fi

step "4/4 polyquant inspect ${output#"$PWD/"}"
text=$("$polyquant" inspect "$output") || die "polyquant inspect stopped with exit code $?"
sed -n '1,40p' <<<"$text"
lines=$(wc -l <<<"$text")
[ "$lines" -le 40 ] || echo "... and $((lines - 40)) more lines"

cat <<END

Done: $output runs in llama.cpp, for example with: llama-cli -m "$output"
Next, try:
  export PATH="$PWD/build/release/bin:\$PATH" POLYQUANT_MODELS="$POLYQUANT_MODELS" POLYQUANT_OUT="$POLYQUANT_OUT"
  polyquant plan pipelines/examples/quickstart.yaml          # what a run would do, before it does it
  polyquant quantize "\$POLYQUANT_MODELS/$model" --recipe q5_0 --to "\$POLYQUANT_OUT/$model-Q5_0.gguf"
  polyquant compare "\$POLYQUANT_MODELS/$model" "$output"    # the error of every tensor
  polyquant help                                             # everything else
END
