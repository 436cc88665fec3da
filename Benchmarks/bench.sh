#!/usr/bin/env bash
# Measures Halter on the real model: a LoRA r=16 all-linear step at 4 x 512 tokens in f32, peak memory,
# the time from the command to the first optimiser step, and decoding. Prints a table, then one line of
# JSON with the machine and the commit.
#
#   HALTER=FILE               another binary than .build/release/halter
#   HALTER_BENCH_ROUNDS=3     rounds; every figure is the median over them
#   HALTER_BENCH_STEPS=7      steps of a round; the first is not counted
#   HALTER_PEER_VENV=DIR      a Python environment with torch and peft (Tests/Parity/make_venv.sh makes
#                             one): its step is measured too, alternating with Halter's
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
halter=${HALTER:-$root/.build/release/halter}
rounds=${HALTER_BENCH_ROUNDS:-3}
steps=${HALTER_BENCH_STEPS:-7}
peer=${HALTER_PEER_VENV:-}
model=smollm2-135m-instruct

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$root/Benchmarks/step.yaml" "$work/"
"$halter" model pull --quiet "$model" >/dev/null
note() { echo "$*" >&2; }
fail() { note "bench: $*"; exit 1; }

# The median of the numbers on stdin, one a line.
median() {
  sort -g | awk '{ v[NR] = $1 }
    END { if (NR == 0) exit 1; printf "%.10g\n", NR % 2 ? v[(NR+1)/2] : (v[NR/2] + v[NR/2+1]) / 2 }'
}
# The values of a key of JSON objects on stdin, one a line.
values() { grep -o "\"$1\" *: *[-+.0-9eE]*" | sed 's/.*: *//'; }
seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.4f\n", b - a }'; }

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

# Rows of exactly 512 tokens: what the template adds is the same for all of them.
row 100 1 >"$work/probe.jsonl"
around=$(($(row_tokens "$work/probe.jsonl") - 100))
for number in $(seq 1 $((4 * steps))); do row $((512 - around)) "$number"; done >"$work/rows.jsonl"

# One training run: the seconds of its steps go to step.txt, its peak memory to memory.txt.
train() {
  local run=$work/run-$1
  "$halter" run "$work/step.yaml" "train.steps=$steps" "output=$run" --quiet
  [[ $(values tokens <"$run/metrics.jsonl" | sort -u) == 2048 ]] || fail "a step was not 2048 tokens"
  grep -q '"skipped": true' "$run/metrics.jsonl" && fail "a step was skipped"
  values seconds <"$run/metrics.jsonl" | tail -n +2 >>"$work/step.txt"
  values peak_resident_bytes <"$run/run.json" >>"$work/memory.txt"
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
  awk -v n="$((tokens[1] - tokens[0]))" -v t="${times[1]}" -v s="${times[0]}" \
    'BEGIN { printf "%.3f\n", n / (t - s) }' >>"$work/decode.txt"
}

train_peer() {
  "$peer/bin/python" "$root/Benchmarks/peer_lora.py" "$work/base" 4 512 "$steps" \
    >"$work/peer.json" 2>"$work/peer.log" || { cat "$work/peer.log" >&2; fail "the peer failed"; }
  grep -o '"seconds": \[[^]]*\]' "$work/peer.json" | tr -d '[]' | sed 's/.*: *//' | tr ',' '\n' |
    tail -n +2 >>"$work/peer-step.txt"
  values peak_bytes <"$work/peer.json" >>"$work/peer-memory.txt"
}

if [[ $peer ]]; then
  note "exporting the model for the peer"
  "$halter" export --model "$model" --merge --output "$work/base" >/dev/null
fi
for round in $(seq 1 "$rounds"); do
  note "round $round of $rounds"
  train "$round"
  if [[ $peer ]]; then train_peer; fi
  cold_start "$round"
  decode
done

step=$(median <"$work/step.txt")
memory=$(median <"$work/memory.txt")
cold=$(median <"$work/cold.txt")
decoding=$(median <"$work/decode.txt")
rate() { awk -v s="$1" 'BEGIN { printf "%.1f", 2048 / s }'; }
gigabytes() { awk -v b="$1" 'BEGIN { printf "%.2f", b / 1e9 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
json_peer=null
versions=
if [[ $peer ]]; then
  peer_step=$(median <"$work/peer-step.txt")
  peer_memory=$(median <"$work/peer-memory.txt")
  versions=$(grep -o '"versions": "[^"]*"' "$work/peer.json" | sed 's/.*: "\(.*\)"/\1/')
  json_peer="{\"versions\": \"$versions\", \"tokens_per_second\": $(rate "$peer_step"), \
\"step_seconds\": $peer_step, \"peak_bytes\": $(printf %.0f "$peer_memory")}"
fi

machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
commit=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
[[ -z $(git -C "$root" status --porcelain 2>/dev/null) ]] || commit=$commit+changes
cores=$(nproc)

line() { printf "%-44s %14s %14s %8s\n" "$@" | sed "s/ *$//"; }
line "$model, LoRA r=16 all-linear, f32" Halter "${peer:+PyTorch+PEFT}" "${peer:+ratio}"
line "training, 4 x 512 tokens: tokens/s" "$(rate "$step")" "${peer:+$(rate "$peer_step")}" \
  "${peer:+$(ratio "$peer_step" "$step")}"
line "  a step: s" "$(printf %.3f "$step")" "${peer:+$(printf %.3f "$peer_step")}" ""
line "  peak memory: GB" "$(gigabytes "$memory")" "${peer:+$(gigabytes "$peer_memory")}" \
  "${peer:+$(ratio "$memory" "$peer_memory")}"
line "command to first step done, $((around + 4)) tokens: s" "$(printf %.2f "$cold")" "" ""
line "greedy decoding: tokens/s" "$(printf %.1f "$decoding")" "" ""
echo "medians of $rounds rounds on ${machine:-an unknown CPU}, $cores cores; commit $commit"
[[ -z $versions ]] || echo "$versions"
printf '{"machine": "%s", "cores": %d, "commit": "%s", "rounds": %d, "halter": {"tokens_per_second": %s, ' \
  "$machine" "$cores" "$commit" "$rounds" "$(rate "$step")"
printf '"step_seconds": %s, "peak_bytes": %.0f, "first_step_seconds": %s, ' "$step" "$memory" "$cold"
printf '"decode_tokens_per_second": %s}, "peer": %s}\n' "$decoding" "$json_peer"
