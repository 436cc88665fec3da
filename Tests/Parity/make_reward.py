"""Golden values of reward models: TRL's RewardTrainer, with a PEFT adapter for sequence classification
on the tiny checkpoint `tiny_llama/mha_untied`.

usage: make_reward.py OUT_DIR      needs make_tiny_llama.py's output there; writes OUT_DIR/reward/

Pairs are made of random ids. Each answer ends with the end token, and the pad token is another one:
then transformers reads the score at the last token of the text, as it should."""

import json
import pathlib
import shutil
import tempfile

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast
from trl import RewardConfig, RewardTrainer

from golden import output_directory, save_json, save_tensors, seeded

BASE = "tiny_llama/mha_untied"
PAD, END = 0, 2
PAIRS, BATCH, STEPS, SCORED, RATE, CENTERING = 24, 4, 30, 100, 5e-3, 0.01


def tokenizer(size: int) -> PreTrainedTokenizerFast:
    """Nothing is tokenised; the trainer only asks what its pad token is."""
    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(size)}, unk_token="w1"))
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token=f"w{PAD}", eos_token=f"w{END}", unk_token="w1")


def text(generator, first: int, size: int) -> list:
    length = int(torch.randint(3, 19, (), generator=generator))
    middle = torch.randint(3, size, (length,), generator=generator).tolist()
    return [first, *middle, END]


def make_pairs(size: int) -> list:
    """Pairs whose first token tells them apart."""
    generator = seeded("reward/pairs")
    return [{"chosen_ids": text(generator, 3 + i, size), "rejected_ids": text(generator, 3 + i, size),
             "margin": [0.0, 1 / 3, 2 / 3, 1.0, 2.0, 3.0][i % 6]} for i in range(PAIRS)]


def base_model(root):
    model = AutoModelForSequenceClassification.from_pretrained(
        root / BASE, num_labels=1, dtype=torch.float32, attn_implementation="eager")
    model.config.pad_token_id = PAD
    model.name_or_path = BASE
    return model


def save_adapter(model, directory) -> None:
    model.save_pretrained(directory, save_embedding_layers=False)
    (directory / "README.md").unlink(missing_ok=True)
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = BASE
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def make_adapter(root, directory) -> None:
    config = LoraConfig(
        task_type="SEQ_CLS", r=4, lora_alpha=8, init_lora_weights=False,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    model = get_peft_model(base_model(root), config)
    generator = seeded("reward/adapter")
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name or "modules_to_save" in name:
                value.copy_(torch.randn(value.shape, generator=generator) * 0.15)
    save_adapter(model, directory)


def trainable(root, directory):
    return PeftModel.from_pretrained(base_model(root), directory, is_trainable=True)


def make_trainer(model, rows, work, **settings) -> RewardTrainer:
    config = RewardConfig(
        output_dir=work, per_device_train_batch_size=BATCH, max_steps=STEPS, learning_rate=RATE,
        lr_scheduler_type="linear", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0,
        gradient_checkpointing=False, bf16=False, use_cpu=True, report_to=[], save_strategy="no",
        logging_steps=1, seed=0, disable_tqdm=True, optim="adamw_torch", **settings)
    return RewardTrainer(
        model=model, args=config, train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer(model.config.vocab_size))


def names(model) -> dict:
    """Trained tensors under the names they have in adapter_model.safetensors."""
    return {key.replace(".modules_to_save", "").replace(".default", ""): value
            for key, value in model.named_parameters() if value.requires_grad}


def one_batch(root, directory, rows, work, centering) -> dict:
    """The loss, metrics and gradients of the first pairs as one batch."""
    model = trainable(root, directory)
    trainer = make_trainer(model, rows, work, center_rewards_coefficient=centering)
    inputs = trainer.data_collator(rows[:BATCH + 2])
    loss, outputs = trainer.compute_loss(trainer.model, inputs, return_outputs=True)
    loss.backward()
    metrics = {key: value[-1] for key, value in trainer._metrics["train"].items()
               if key != "num_tokens"}
    return {"loss": loss.item(), "metrics": metrics, "scores": outputs.logits[:, 0].tolist(),
            "gradients": {key: value.grad for key, value in names(trainer.model).items()}}


def curve(root, directory, rows, work):
    """The losses of some steps, and which pairs each was over."""
    model = trainable(root, directory)
    trainer = make_trainer(model, rows, work)
    order, losses = [], []
    compute = trainer.compute_loss

    def recorded(model, inputs, *arguments, **named):
        order.append((inputs["input_ids"][:BATCH, 0] - 3).tolist())
        result = compute(model, inputs, *arguments, **named)
        losses.append((result[0] if isinstance(result, tuple) else result).item())
        return result

    trainer.compute_loss = recorded
    trainer.train()
    return trainer.model, order, losses


def scores(model, texts) -> list:
    model.eval()
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, 0].item()
                for ids in texts]


def padded_scores(model, texts) -> list:
    """The same in one padded batch."""
    width = max(map(len, texts))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in texts])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in texts])
    model.eval()
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, 0].tolist()


if __name__ == "__main__":
    root = output_directory(__doc__)
    out = root / "reward"
    out.mkdir(parents=True, exist_ok=True)
    make_adapter(root, out / "start")
    size = base_model(root).config.vocab_size
    rows = make_pairs(size)
    plain = [{key: row[key] for key in ("chosen_ids", "rejected_ids")} for row in rows]
    with tempfile.TemporaryDirectory() as work:
        batches = {
            "plain": one_batch(root, out / "start", plain, work, None),
            "margin": one_batch(root, out / "start", rows, work, None),
            "centered": one_batch(root, out / "start", rows, work, CENTERING),
        }
        trained, order, losses = curve(root, out / "start", rows, work)
    for name, batch in batches.items():
        save_tensors(out / f"gradients-{name}.safetensors", batch.pop("gradients"))
    save_adapter(trained, out / "trained")

    generator = seeded("reward/scored")
    texts = [text(generator, 3 + i % 90, size) for i in range(SCORED)]
    adapted = trainable(root, out / "trained")
    found = scores(adapted, texts)
    worst = max(abs(a - b) for a, b in zip(found, padded_scores(adapted, texts)))
    assert worst < 1e-5, worst
    # With the end token for a pad token, transformers would read one token too early.
    adapted.config.pad_token_id = adapted.base_model.model.config.pad_token_id = END
    moved = max(abs(a - b) for a, b in zip(found, scores(adapted, texts)))
    assert moved > 0.1, moved
    adapted.config.pad_token_id = adapted.base_model.model.config.pad_token_id = PAD
    merged = adapted.merge_and_unload()
    assert max(abs(a - b) for a, b in zip(found, scores(merged, texts))) < 1e-4
    merged.save_pretrained(out / "merged")
    (out / "merged" / "generation_config.json").unlink(missing_ok=True)

    save_json(out / "reward.json", {
        "pairs": rows, "batches": batches, "centering": CENTERING, "batch": BATCH + 2,
        "order": order, "losses": losses, "learning_rate": RATE, "texts": texts, "scores": found})
    print(f"{PAIRS} pairs, loss {losses[0]:.6f} to {losses[-1]:.6f} in {STEPS} steps; "
          f"pad = end moves scores by up to {moved:.2f}")
