"""Golden values of bitsandbytes' quantisation: NF4 and FP4 codes, scales, double quantisation.

usage: make_quantization.py OUT_DIR      writes OUT_DIR/quantization/"""

import torch
from bitsandbytes import functional
from bitsandbytes.backends.default import ops as default_ops

from golden import output_directory, save_tensors, symmetric

# Rows and columns with a last block that is not whole, an odd count, blocks that cross rows.
CASES = {
    "plain": dict(shape=(48, 192), kind="nf4", block=64),
    "small_blocks": dict(shape=(33, 65), kind="nf4", block=32),
    "large_blocks": dict(shape=(40, 320), kind="nf4", block=4096),
    "odd": dict(shape=(5, 67), kind="nf4", block=128),
    "fp4": dict(shape=(48, 192), kind="fp4", block=64),
    "double": dict(shape=(320, 192), kind="nf4", block=64, double=True),
}
DEQUANTISED = {"odd", "fp4"}


def weights(name, shape):
    """Numbers of many magnitudes, with blocks of zeros, denormals and huge values."""
    values = symmetric(f"quantization/{name}", shape) ** 3
    flat = values.reshape(-1)
    flat[64:128] = 0
    flat[128:192] *= 1e-42
    flat[192:256] *= 3e38
    # All values that lie between two codes, times a power of two.
    bounds, _ = default_ops._get_4bit_quantize_bounds("nf4", torch.device("cpu"))
    flat[256:271] = bounds * 4
    flat[271] = 4
    flat[272:320] = 0.5
    if name == "double":
        # Scales that differ little, as those of real weights; extremes would hide the rest.
        flat[:] = symmetric(f"quantization/{name}", shape).reshape(-1)
    return values


def make(name, root):
    case = CASES[name]
    values = weights(name, case["shape"])
    double = case.get("double", False)
    codes, state = functional.quantize_4bit(
        values, blocksize=case["block"], quant_type=case["kind"], compress_statistics=double)
    tensors = {"input": values, "codes": codes.reshape(-1)}
    if name in DEQUANTISED:
        tensors["output"] = functional.dequantize_4bit(codes, state)
    if double:
        tensors |= {"scale_codes": state.absmax, "nested": state.state2.absmax,
                    "map": state.state2.code, "offset": state.offset.reshape(1)}
    else:
        tensors["scales"] = state.absmax
    return {f"{name}.{key}": value for key, value in tensors.items()}


def make_int8():
    values = weights("int8", (24, 100))
    codes, scales, _ = torch.ops.bitsandbytes.int8_vectorwise_quant.default(values.clone())
    return {"int8.input": values, "int8.codes": codes, "int8.scales": scales}


if __name__ == "__main__":
    root = output_directory(__doc__) / "quantization"
    tensors = make_int8()
    for name in CASES:
        tensors |= make(name, root)
    save_tensors(root / "quantization.safetensors", tensors)
