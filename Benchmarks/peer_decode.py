"""Tokens a second of llama.cpp's greedy decoding of one sequence (through the wheel `xllamacpp`).

    python peer_decode.py MODEL.gguf TOKENS THREADS [PROMPT]

Prints one line of JSON with llama.cpp's own figures: `tokens_per_second` covers decoding alone.
"""

import json
import sys

import xllamacpp


def main() -> None:
    model, tokens, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    prompt = sys.argv[4] if len(sys.argv) > 4 else "Once upon a time"
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 1024
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.warmup = True
    server = xllamacpp.Server(params)
    request = {
        "prompt": prompt,
        "n_predict": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": False,
    }
    answer = server.handle_completions(request)
    if isinstance(answer, str):
        answer = json.loads(answer)
    timings = answer.get("timings") or answer["choices"][0]["timings"]
    print(
        json.dumps(
            {
                "version": xllamacpp.__version__,
                "tokens": timings["predicted_n"],
                "tokens_per_second": timings["predicted_per_second"],
            }
        )
    )


if __name__ == "__main__":
    main()
