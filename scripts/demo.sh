#!/usr/bin/env bash
# Trains a small real model on the handbook, merges the adapter into its weights and asks both the
# model as it was and the merged one. Fails if the validation loss fell by less than a quarter.
set -euo pipefail
cd "$(dirname "$0")/.."

halter=${HALTER:-.build/release/halter}
recipe=recipes/sft-lora.yaml
name=smollm2-135m-instruct
questions=("What is a recipe in Halter?" "What does LoRA train?" "What does halter export do?")

say() { printf '\n== %s\n' "$*"; }

say "Fetching the model"
model=$("$halter" model pull "$name")
echo "$model"

say "Training: halter run $recipe output=runs/demo"
mkdir -p runs
demo_runs() { find runs -maxdepth 1 -name 'demo*' -type d | sort; }
before=$(demo_runs)
"$halter" run "$recipe" output=runs/demo "$@"
# An earlier run is never overwritten: the new one has a name of its own.
run=$(comm -13 <(echo "$before") <(demo_runs) | head -n 1)

say "Merging: halter export $run --merge --format safetensors --output $run/merged"
"$halter" export "$run" --merge --format safetensors --output "$run/merged"

for question in "${questions[@]}"; do
  say "$question"
  echo "before: $("$halter" generate --model "$name" --max-tokens 64 "$question")"
  echo "after:  $("$halter" generate --model "$run/merged" --max-tokens 64 "$question")"
done

say "Result"
awk -v wanted=25 '
  /"event": *"eval"/ {
    match($0, /"loss": *[-+.0-9eE]+/)
    loss = substr($0, RSTART, RLENGTH); sub(/.*: */, "", loss)
    if (!count++) first = loss
    last = loss
  }
  END {
    if (count < 2) { print "no validation loss before and after"; exit 1 }
    fall = 100 * (1 - last / first)
    printf "validation loss  %.4f -> %.4f, %.1f %% lower\n", first, last, fall
    if (!(fall >= wanted)) { printf "it was to fall by at least %d %%\n", wanted; exit 1 }
  }' "$run/metrics.jsonl"
echo "report           $run/report.html"
echo "metrics          $run/metrics.jsonl"
echo "adapter (PEFT)   $run/final"
echo "merged model     $run/merged"
echo "ask it           $halter generate --model $run/merged \"What is a reward model?\""
