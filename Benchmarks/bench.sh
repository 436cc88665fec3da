#!/usr/bin/env bash
# Measures Halter on the real model: whole training steps (LoRA r=16 on all linear layers) by
# precision and storage, peak memory, the time from the command to the first optimiser step, and
# decoding. Prints a table, then one line of JSON with the machine and the commit.
#
#   HALTER=FILE               another binary than .build/release/halter
#   HALTER_BENCH=FILE         another binary than .build/release/halter-bench, which measures the
#                             machine's peaks
#   HALTER_BENCH_ROUNDS=5     rounds; every figure is the median over them
#   HALTER_BENCH_STEPS=4      steps of a round; the first is not counted
#   HALTER_BENCH_ONLY=REGEX   only the rows whose name matches
#   HALTER_PEER_VENV=DIR      a Python environment with torch, peft, bitsandbytes and xllamacpp
#                             (Tests/Parity/make_venv.sh makes one): the same steps are measured
#                             there too, alternating with Halter's
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
halter=${HALTER:-$root/.build/release/halter}
rounds=${HALTER_BENCH_ROUNDS:-5}
steps=${HALTER_BENCH_STEPS:-4}
only=${HALTER_BENCH_ONLY:-.}
peer=${HALTER_PEER_VENV:-}
model=smollm2-135m-instruct

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/Benchmarks/step.yaml" "$work/"
file=$("$halter" model pull --quiet "$model" | tail -n 1)
note() { echo "$*" >&2; }
fail() { note "bench: $*"; exit 1; }

# name | overrides of step.yaml | the peer's mode, rows, length | MFLOP of a token | of bf16 peak?
# A token costs four times the weights that it passes (forward and gradient, no weight gradients),
# six times those of the adapter, and its causal attention.
cases() {
  cat <<CASES
LoRA f32, 4 x 512|model=$model train.compute=f32|f32 4 512|629|no
LoRA bf16, 4 x 512|model=$work/base train.compute=bf16|bf16 4 512|629|yes
QLoRA NF4, 4 x 512|model.base=$work/base model.quantize={type: nf4, double: true} train.compute=bf16|nf4 4 512|629|yes
QLoRA NF4 recomputed, 4 x 512|model.base=$work/base model.quantize={type: nf4, double: true} train.compute=bf16 train.recompute=blocks|nf4 4 512 --recompute|629|yes
QLoRA on the Q4_1 GGUF, 4 x 512|model=$model train.compute=bf16|-|629|yes
LoRA bf16, 1 x 2048|model=$work/base train.compute=bf16 data.train=$work/long.jsonl data.max_length=2048|bf16 1 2048|815|yes
CASES
}

# The median of the numbers on stdin, one a line.
median() {
  sort -g | awk '{ v[NR] = $1 }
    END { if (NR == 0) exit 1; printf "%.10g\n", NR % 2 ? v[(NR+1)/2] : (v[NR/2] + v[NR/2+1]) / 2 }'
}
# The values of a key of JSON objects on stdin, one a line.
values() { grep -o "\"$1\" *: *[-+.0-9eE]*" | sed 's/.*: *//'; }
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f\n", b - a }'; }
calculate() { awk "BEGIN { printf \"$1\", $2 }"; }

# A row of words that are one token each, in an order that does not repeat itself.
row() {
  awk -v count="$1" -v seed="$2" 'BEGIN {
    words = split("the of and to in is that for it as was with be by on not he his but at are this " \
      "have from or had an they which one you were all her she there would their we him been has", w)
    state = seed
    for (i = 0; i < count; i++) {
      state = (state * 1103515245 + 12345) % 2147483648
      text = text (i ? " " : "") w[int(state / 65536) % words + 1]
    }
    printf "{\"messages\":[{\"role\":\"user\",\"content\":\"go\"},"
    printf "{\"role\":\"assistant\",\"content\":\"%s\"}]}\n", text
  }'
}
row_tokens() {
  "$halter" logprobs --model "$model" --input "$1" | head -n 1 |
    grep -o '"tokens":\[[^]]*\]' | tr -cd ',' | wc -c | awk '{ print $1 + 1 }'
}

# Rows of exactly 512 and 2,048 tokens: what the template adds is the same for all of them.
row 100 1 >"$work/probe.jsonl"
around=$(($(row_tokens "$work/probe.jsonl") - 100))
for number in $(seq 1 $((4 * steps))); do row $((512 - around)) "$number"; done >"$work/rows.jsonl"
for number in $(seq 1 "$steps"); do row $((2048 - around)) "$number"; done >"$work/long.jsonl"

# One training run of case $1 with overrides $2 …: the seconds of its steps and its peak memory.
train() {
  local number=$1 run=$work/run-$RANDOM$RANDOM
  shift
  "$halter" run "$work/step.yaml" "$@" "train.steps=$steps" "output=$run" --quiet
  [[ $(values tokens <"$run/metrics.jsonl" | sort -u) == 2048 ]] || fail "a step was not 2048 tokens"
  grep -q '"skipped": true' "$run/metrics.jsonl" && fail "a step was skipped"
  values seconds <"$run/metrics.jsonl" | tail -n +2 >>"$work/step-$number.txt"
  values peak_resident_bytes <"$run/run.json" >>"$work/memory-$number.txt"
}

train_peer() {
  local number=$1 rows_and_length=$2
  # shellcheck disable=SC2086 # the mode and its numbers are words
  set -- $rows_and_length
  local mode=$1 rows=$2 length=$3 flag=${4:-}
  "$peer/bin/python" "$root/Benchmarks/peer_lora.py" "$work/base" "$mode" "$rows" "$length" "$steps" \
    $flag >"$work/peer.json" 2>"$work/peer.log" || { cat "$work/peer.log" >&2; fail "the peer failed"; }
  grep -o '"seconds": \[[^]]*\]' "$work/peer.json" | tr -d '[]' | sed 's/.*: *//' | tr ',' '\n' |
    tail -n +2 >>"$work/peer-step-$number.txt"
  values peak_bytes <"$work/peer.json" >>"$work/peer-memory-$number.txt"
}

# From the command until the first step of a run is on the disk; its batch is one short row.
cold_start() {
  local run=$work/cold-$1 start=$EPOCHREALTIME
  "$halter" run "$work/cold.yaml" "output=$run" --quiet &
  until grep -qs '"event": "step"' "$run/metrics.jsonl"; do
    kill -0 $! 2>/dev/null || { grep -qs '"event": "step"' "$run/metrics.jsonl" || fail "no step"; }
    sleep 0.005
  done
  seconds_since "$start" >>"$work/cold.txt"
  wait $!
}
sed -e 's/rows.jsonl/short.jsonl/' -e 's/steps: 7/steps: 1/' "$work/step.yaml" >"$work/cold.yaml"
row 4 1 >"$work/short.jsonl"

# Tokens a second of greedy decoding: a long answer against a short one, so that loading cancels out.
decode() {
  local count start text tokens=() times=()
  for count in 8 136; do
    start=$EPOCHREALTIME
    text=$("$halter" generate --model "$model" --raw --json --max-tokens "$count" "Once upon a time")
    times+=("$(seconds_since "$start")")
    tokens+=("$(tr -d '\n' <<<"$text" | grep -o '"tokens" *: *\[[^]]*\]' | tr -cd ',' | wc -c)")
  done
  calculate '%.3f\n' "(${tokens[1]} - ${tokens[0]}) / (${times[1]} - ${times[0]})" >>"$work/decode.txt"
}

# The same in llama.cpp, on the same file.
decode_peer() {
  "$peer/bin/python" "$root/Benchmarks/peer_decode.py" "$file" 128 "$(nproc)" 2>/dev/null | tail -n 1 |
    values tokens_per_second >>"$work/peer-decode.txt"
}

note "exporting the model as bf16"
"$halter" export --model "$model" --merge --output "$work/base" >/dev/null
for round in $(seq 1 "$rounds"); do
  note "round $round of $rounds"
  number=0
  while IFS='|' read -r name overrides peer_case _ _; do
    number=$((number + 1))
    [[ $name =~ $only ]] || continue
    words=()
    while IFS= read -r word; do words+=("$word"); done \
      < <(sed 's/ \([a-z_.]*=\)/\n\1/g' <<<"$overrides")
    train "$number" "${words[@]}"
    [[ $peer && $peer_case != - ]] && train_peer "$number" "$peer_case"
    true
  done < <(cases)
  [[ start =~ $only ]] && cold_start "$round"
  [[ decode =~ $only ]] && decode && [[ $peer ]] && decode_peer
  true
done

peaks=$("${HALTER_BENCH:-$root/.build/release/halter-bench}" --peaks 2>/dev/null || true)
f32_peak=$(values f32Peak <<<"$peaks")
bf16_peak=$(values bf16Peak <<<"$peaks")

line() { printf "%-32s %8s %6s %7s %8s %7s %6s\n" "$@" | sed "s/ *$//"; }
line "$model" tokens/s "of peak" GB "peer's" "its GB" ratio
json=
number=0
while IFS='|' read -r name _ _ mega narrow; do
  number=$((number + 1))
  [[ -s $work/step-$number.txt ]] || continue
  step=$(median <"$work/step-$number.txt")
  memory=$(median <"$work/memory-$number.txt")
  rate=$(calculate %.1f "2048 / $step")
  peak=${f32_peak:-0}
  [[ $narrow == yes && ${bf16_peak:-0} != 0 ]] && peak=$bf16_peak
  share=
  [[ $peak != 0 ]] && share=$(calculate '%.0f%%' "100 * $rate * $mega * 1e6 / ($peak * 1e9)")
  peer_rate='' peer_memory='' ratio=''
  if [[ -s $work/peer-step-$number.txt ]]; then
    peer_step=$(median <"$work/peer-step-$number.txt")
    peer_rate=$(calculate %.1f "2048 / $peer_step")
    peer_memory=$(calculate %.2f "$(median <"$work/peer-memory-$number.txt") / 1e9")
    ratio=$(calculate %.2f "$peer_step / $step")
  fi
  line "$name" "$rate" "$share" "$(calculate %.2f "$memory / 1e9")" "$peer_rate" "$peer_memory" "$ratio"
  json+="{\"name\": \"$name\", \"tokens_per_second\": $rate, \"step_seconds\": $step, \
\"peak_bytes\": $memory, \"peer_tokens_per_second\": ${peer_rate:-null}}, "
done < <(cases)
cold=null decoding=null
if [[ -s $work/cold.txt ]]; then
  cold=$(calculate %.2f "$(median <"$work/cold.txt")")
  echo "command to first step done, $((around + 4)) tokens: $cold s"
fi
if [[ -s $work/decode.txt ]]; then
  decoding=$(calculate %.1f "$(median <"$work/decode.txt")")
  echo "greedy decoding, Q4_1: $decoding tokens/s"
fi
if [[ -s $work/peer-decode.txt ]]; then
  echo "  llama.cpp: $(calculate %.1f "$(median <"$work/peer-decode.txt")") tokens/s"
fi
machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[[ -z $(git -C "$root" status --porcelain 2>/dev/null) ]] || commit=$commit+changes
echo "medians of $rounds rounds on ${machine:-an unknown CPU}, $(nproc) cores; commit $commit"
[[ -f $work/peer.json ]] && grep -o '"versions": "[^"]*"' "$work/peer.json" | sed 's/.*: "\(.*\)"/\1/'
printf '{"machine": "%s", "cores": %d, "commit": "%s", "rounds": %d, "steps": [%s], ' \
  "$machine" "$(nproc)" "$commit" "$rounds" "${json%, }"
printf '"first_step_seconds": %s, "decode_tokens_per_second": %s}\n' "$cold" "$decoding"
