"""Golden values of PEFT LoRA adapters on the tiny checkpoint `tiny_llama/gqa_tied`.

usage: make_lora.py OUT_DIR      needs make_tiny_llama.py's output there; writes OUT_DIR/lora/<case>/"""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from golden import output_directory, save_json, save_tensors, seeded
from segments import expectations, make_segments

BASE = "tiny_llama/gqa_tied"
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "plain": dict(r=4, lora_alpha=8, target_modules="all-linear"),
    "rslora": dict(r=4, lora_alpha=8, target_modules=LINEAR, use_rslora=True),
    "patterns": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"],
                     rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.down_proj": 6},
                     alpha_pattern={"v_proj": 20, r"model\.layers\.0\.self_attn\.q_proj": 3}),
    "regex": dict(r=3, lora_alpha=5,
                  target_modules=r"model\.layers\.\d+\.(self_attn\.[qo]|mlp\.up)_proj"),
    "layers": dict(r=4, lora_alpha=8, target_modules=["k_proj", "gate_proj"],
                   layers_to_transform=[1]),
    "dora": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"],
                 use_dora=True),
    "dora_rslora": dict(r=3, lora_alpha=5, target_modules=["k_proj", "o_proj", "up_proj"],
                        use_dora=True, use_rslora=True),
}
GRADIENTS = {"plain", "patterns", "dora"}


def base_model(root):
    model = LlamaForCausalLM.from_pretrained(
        root / BASE, dtype=torch.float32, attn_implementation="eager").eval()
    model.name_or_path = BASE
    return model


def lora_parameters(model) -> dict:
    """Trained tensors under the names they have in adapter_model.safetensors."""
    return {file_name(key): value for key, value in model.named_parameters() if "lora_" in key}


def file_name(parameter: str) -> str:
    return parameter.replace(".default", "").replace("magnitude_vector.weight", "magnitude_vector")


def make(name: str, root) -> dict:
    directory = root / "lora" / name
    config = LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **CASES[name])
    model = get_peft_model(base_model(root), config)
    generator = seeded(f"lora/{name}")
    with torch.no_grad():
        for value in lora_parameters(model).values():
            noise = torch.randn(value.shape, generator=generator) * 0.2
            value.copy_(noise if value.dim() == 2 else value * (1 + noise))
    config.base_model_name_or_path = BASE
    if isinstance(config.target_modules, set):  # a set has no order; a file should have one
        config.target_modules = sorted(config.target_modules)
    model.save_pretrained(directory, save_embedding_layers=False)
    (directory / "README.md").unlink()

    model = PeftModel.from_pretrained(base_model(root), directory, is_trainable=True).eval()
    batch = make_segments(f"lora/{name}", (5, 1, 9), model.config.vocab_size)
    values, loss = expectations(model, batch)
    loss.backward()
    parameters = lora_parameters(model)
    if name in GRADIENTS:
        save_tensors(directory / "gradients.safetensors",
                     {key: value.grad for key, value in parameters.items()})

    written = load_file(directory / "adapter_model.safetensors")
    assert {key: list(value.shape) for key, value in written.items()} == \
        {key: list(value.shape) for key, value in parameters.items()}
    scalings = {path.removeprefix("base_model.model."): module.scaling["default"]
                for path, module in model.named_modules()
                if isinstance(getattr(module, "scaling", None), dict)}

    merged = model.merge_and_unload()
    with torch.no_grad():
        values["merged_logits"] = expectations(merged, batch)[0]["logits"]
    state = merged.state_dict()
    for path in (list(scalings)[0], list(scalings)[-1]):
        values[f"merged.{path}.weight"] = state[f"{path}.weight"]
    save_tensors(directory / "expected.safetensors", values)
    difference = (values["merged_logits"] - values["logits"]).abs().max().item()
    print(f"{name}: {len(parameters)} tensors, loss {loss.item():.6f}, merging moves {difference:.1e}")
    return {"scalings": scalings, "tensors": {k: list(v.shape) for k, v in sorted(written.items())}}


if __name__ == "__main__":
    root = output_directory(__doc__)
    save_json(root / "lora" / "cases.json", {name: make(name, root) for name in CASES})
