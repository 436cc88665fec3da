"""What TRL's SFTTrainer would train on: tokens and labels of real rows, as hashes.

usage: make_masks.py FOLDER SMOLLM2.gguf SHARED_DATA      SHARED_DATA has chat/ and hh-harmless/

Writes FOLDER/masks.json: for each set of rows, tokenizer, template and kind of loss, a list with one
text for each row: the number of tokens, that of trained ones, and FNV-1a-64 over the token ids and then
over the trained positions, little-endian int32. The rows themselves are not kept, their licences differ.
"""
import json
import pathlib
import re
import sys
import tempfile

import trl
from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer
from tokenizers import Tokenizer

from make_tokenizers import ROOT, fnv, reference_smollm2

TEMPLATES = pathlib.Path(trl.__file__).parent / "chat_templates"
# The checkpoint's own template, with what is to be learnt between markers.
MARKED = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}"
          "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
          "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def smollm2(gguf):
    core, template = reference_smollm2(gguf)
    default = re.search(r"<\|im_start\|>system\n(.*?)<\|im_end\|>", template).group(1)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>")
    system = "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" + default + "<|im_end|>\n' }}{% endif %}"
    tokenizer.chat_template = system + MARKED
    return tokenizer


def small(path, bos, eos, template):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(str(path)), bos_token=bos, eos_token=eos, pad_token=eos)
    tokenizer.chat_template = template
    return tokenizer


def hashes(rows, tokenizer, **settings):
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    with tempfile.TemporaryDirectory() as folder:
        args = SFTConfig(output_dir=folder, max_length=None, report_to="none", bf16=False, **settings)
        prepared = SFTTrainer(model=LlamaForCausalLM(config), args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer).train_dataset
    out = []
    for row in prepared:
        ids, trained = row["input_ids"], [i for i, label in enumerate(row["labels"]) if label != -100]
        assert len(ids) == len(row["labels"])
        out.append(f"{len(ids)} {len(trained)} {fnv(ids + trained)}")
    return out


def question(row):
    return row["instruction"] + ("\n\n" + row["input"] if row["input"] else "")


def transcript(text):
    messages = []
    pieces = re.split(r"\n\n(Human|Assistant):", text)
    assert pieces[0] == ""
    for speaker, said in zip(pieces[1::2], pieces[2::2]):
        role, said = "user" if speaker == "Human" else "assistant", said.strip()
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] = "\n\n".join(part for part in (messages[-1]["content"], said) if part)
        else:
            messages.append({"role": role, "content": said})
    return messages


def pair(row):
    """Prompt and preferred answer, the prompt ending behind the last message that both sides share."""
    chosen, rejected = transcript(row["chosen"]), transcript(row["rejected"])
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    while chosen[shared - 1]["role"] == "assistant":
        shared -= 1
    return {"prompt": chosen[:shared], "completion": chosen[shared:]}


def messages_of(rows):
    return [{"messages": row["prompt"] + row["completion"]} for row in rows]


def main(folder, gguf, data):
    alpaca = json.loads((data / "chat/alpaca_en_demo.json").read_text())
    asked = [{"prompt": [{"role": "user", "content": question(row)}], "completion": [{"role": "assistant", "content": row["output"]}]} for row in alpaca]
    texts = [{"text": "\n".join((row["instruction"], row["input"], row["output"]))} for row in alpaca]
    lines = [json.loads(line) for line in (data / "hh-harmless/validation.jsonl").read_text().splitlines()]
    hh = [pair(row) for row in lines]
    handbook = [json.loads(line) for line in (ROOT / "datasets/handbook/train.jsonl").read_text().splitlines()]
    handbook = [{"messages": row["messages"]} for row in handbook]
    passages = [{"text": row["messages"][-1]["content"]} for row in handbook]

    big = smollm2(gguf)
    tiny = small(ROOT / "recipes/tiny/tokenizer.json", "<|im_start|>", "<|im_end|>", MARKED)
    llama3 = small(ROOT / "Tests/HalterTokenizersTests/Fixtures/llama3/tokenizer.json", "<|begin_of_text|>", "<|eot_id|>",
                   (TEMPLATES / "llama3_training.jinja").read_text())
    qwen = small(ROOT / "recipes/tiny/tokenizer.json", "<|im_start|>", "<|im_end|>", (TEMPLATES / "qwen2_5_training.jinja").read_text())
    golden = {
        "alpaca/assistant": hashes(messages_of(asked), big, assistant_only_loss=True),
        "alpaca/completion": hashes(asked, big, completion_only_loss=True),
        "alpaca/text": hashes(texts, big),
        "hh/assistant": hashes(messages_of(hh), big, assistant_only_loss=True),
        "hh/completion": hashes(hh, big, completion_only_loss=True),
        "handbook/assistant": hashes(handbook, tiny, assistant_only_loss=True),
        "handbook/assistant/llama3": hashes(handbook, llama3, assistant_only_loss=True),
        "handbook/assistant/qwen2_5": hashes(handbook, qwen, assistant_only_loss=True),
        "handbook/text": hashes(passages, tiny),
    }
    (folder / "masks.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:4]))
