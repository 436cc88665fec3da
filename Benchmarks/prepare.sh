#!/usr/bin/env bash
# Measures how fast rows are prepared and how much memory that takes: generated chat rows of about 3 kB
# each are rendered, tokenised and written to the cache, then the run is repeated to time the reading of
# the cache. Prints one line of JSON.
#
#   HALTER=FILE                 another binary than .build/release/halter
#   HALTER_PREPARE_ROWS=100000  rows; 1000000 make 3 GB
#   HALTER_PREPARE_DIR=DIR      where the rows are made, and kept for the next time
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
halter=${HALTER:-$root/.build/release/halter}
rows=${HALTER_PREPARE_ROWS:-100000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
place=${HALTER_PREPARE_DIR:-$work}
data=$place/rows-$rows.jsonl
model=$("$halter" model pull --quiet smollm2-135m-instruct)

# The words of the datasets here as often as they stand there, one in twenty an invented one, so that
# there are names and misspellings too; no two rows are alike.
if [[ ! -s $data ]]; then
  python3 - "$rows" "$root" >"$data" <<'PYTHON'
import collections, glob, itertools, json, random, re, sys
rows, root = int(sys.argv[1]), sys.argv[2]
random.seed(1)
known = collections.Counter()
for name in sorted(glob.glob(root + "/datasets/*/*.jsonl")):
    known.update(re.findall(r"[A-Za-z']+", open(name, encoding="utf-8").read()))
letters = "etaoinshrdlucmfwypvbgkjqxz"
weights = [1 / (place + 2) for place in range(26)]
made_up = ["".join(random.choices(letters, weights, k=random.randint(3, 11))) for _ in range(50_000)]
words = list(known) + made_up
mass = sum(known.values()) / 19 / len(made_up)
share = list(itertools.accumulate(list(known.values()) + [mass] * len(made_up)))
def text(count):
    picked = random.choices(words, cum_weights=share, k=count)
    return ". ".join(" ".join(picked[i:i + 12]).capitalize() for i in range(0, count, 12)) + ".\n"
for number in range(rows):
    turns = []
    for _ in range(random.randint(1, 3)):
        turns.append({"role": "user", "content": text(random.randint(10, 70))})
        turns.append({"role": "assistant", "content": text(random.randint(50, 410))})
    print(json.dumps({"messages": turns}))
PYTHON
fi
bytes=$(stat -c %s "$data")
cat >"$work/prepare.yaml" <<YAML
method: sft
model: $model
adapter: lora
data: {train: $data, max_length: 2048}
train: {steps: 1}
output: $work/run
YAML

# Seconds and the peak of resident memory (kB) of a command.
measured() { /usr/bin/env python3 - "$@" <<'PYTHON'
import os, resource, subprocess, sys, time
start = time.monotonic()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(f"{time.monotonic() - start:.2f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
PYTHON
}
export HALTER_HOME=$work/home
read -r build_s build_kb < <(measured "$halter" data prepare "$work/prepare.yaml")
read -r again_s again_kb < <(measured "$halter" data prepare "$work/prepare.yaml")
awk -v rows="$rows" -v bytes="$bytes" -v bs="$build_s" -v bk="$build_kb" -v as="$again_s" \
  -v ak="$again_kb" 'BEGIN {
  printf "{\"rows\": %d, \"bytes\": %.0f, \"prepare_seconds\": %.2f, \"prepare_mb_per_second\": %.1f, ",
    rows, bytes, bs, bytes / 1e6 / bs
  printf "\"prepare_peak_bytes\": %.0f, \"reuse_seconds\": %.2f, \"reuse_peak_bytes\": %.0f}\n",
    bk * 1024, as, ak * 1024
}'
