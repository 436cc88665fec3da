"""Conversations with tools, as transformers writes them down with the templates of the models.

usage: make_tool_chats.py FILE.jsonl       writes the golden texts
       make_tool_chats.py --check FOLDER   renders the templates that Halter wrote (HALTER_TEST_EXPORT)

The templates are those that TRL carries: Qwen 2.5 and Qwen 3 Instruct for `hermes`, Llama 3.1 for
`llama3.1`. A line has kind, system (the template's own default, or null), messages, tools, prompt
(whether an answer is asked for) and text.
"""
import json
import pathlib
import sys

import trl
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from make_tokenizers import CONVERSATIONS

FIXTURE = pathlib.Path(__file__).parents[1] / "HalterDataTests/Fixtures/tool-chats.jsonl"
TEMPLATES = pathlib.Path(trl.__file__).parent / "chat_templates"
QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": sorted(properties)}
    return {"type": "function", "function": {"name": name, "description": f"Calls {name}: é \"x\" <b>.", "parameters": parameters}}


def call(name, arguments, id=None):
    out = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"id": id, **out} if id else out


def said(role, content, **more):
    return {"role": role, "content": content, **more}


WEATHER = tool("weather", city={"type": "string", "enum": ["Köln", "Oslo"]}, days={"type": "integer", "default": 3, "minimum": 1.5})
NOW = tool("now")
ODD = {"a": 1, "b": -0.5, "c": 1e-7, "d": 1.5e300, "e": [], "f": {}, "g": [1, [2.0, None]], "h": True, "i": None, "j": 12345678901234567890,
       "k": "q\"uo\\te\n\t\x01é😀</tool_call>", "l": 1e16, "m": 100.0, "n": 0.0001, "o": 123456789012345678.0}
ONE_CALL = [
    ([WEATHER], [said("system", "Be brief."), said("user", "Weather?"), said("assistant", "", tool_calls=[call("weather", {"city": "Köln", "days": 2}, "c1")]),
                 said("tool", '{"sky": "grey"}', name="weather", tool_call_id="c1"), said("assistant", "Grey.")]),
    ([WEATHER, NOW], [said("user", " Hi \n"), said("assistant", "Hello!"), said("user", "When?"), said("assistant", "", tool_calls=[call("now", {})]),
                      said("tool", "12:00\n\"noon\" é")]),
    ([NOW], [said("system", " s "), said("user", "q"), said("assistant", "a")]),
    (None, [said("user", "q"), said("assistant", "", tool_calls=[call("odd", ODD)]), said("tool", ""), said("assistant", "ok")]),
]
SEVERAL = [
    ([WEATHER, NOW], [said("system", ""), said("user", "Both?"),
                      said("assistant", "I look.", tool_calls=[call("weather", {"city": "Oslo"}), call("now", {"zone": "UTC"})]),
                      said("tool", "snow"), said("tool", "1\n2"), said("assistant", "Snow at 1."), said("user", "Thanks"), said("assistant", "!")]),
    (None, [said("user", "q"), said("assistant", "", tool_calls=[call("now", {}), call("now", {"x": 1})]), said("tool", "a"), said("tool", "b")]),
    (None, [said("tool", "a result first"), said("assistant", "odd")]),
]
PLAIN = [(None, [said(role, content) for role, content in chat]) for chat in CONVERSATIONS
         if any(role == "assistant" for role, _ in chat) and all(content for role, content in chat if role == "assistant")]


def rendering(template):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<|begin_of_text|>")
    tokenizer.chat_template = (TEMPLATES / template).read_text()
    return tokenizer


def make(path):
    cases = [("hermes", QWEN, "qwen2_5.jinja", ONE_CALL + SEVERAL + PLAIN), ("hermes", None, "qwen3_instruct_2507.jinja", ONE_CALL + SEVERAL + PLAIN),
             ("llama3.1", None, "llama3_1.jinja", ONE_CALL + PLAIN)]
    with path.open("w") as file:
        for kind, system, template, chats in cases:
            tokenizer = rendering(template)
            for tools, messages in chats:
                for prompt in (False, True):
                    text = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False, add_generation_prompt=prompt)
                    row = {"kind": kind, "system": system, "messages": messages, "tools": tools, "prompt": prompt, "text": text}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def check(folder):
    rows = [json.loads(line) for line in FIXTURE.read_text().splitlines()]
    failures = 0
    for path in sorted(folder.glob("*@*")):
        mine = [row for row in rows if row["kind"] == path.name.partition("@")[2] and row["system"] is None]
        if mine:
            tokenizer = AutoTokenizer.from_pretrained(path)
            wrong = sum(tokenizer.apply_chat_template(row["messages"], tools=row["tools"], tokenize=False, add_generation_prompt=row["prompt"]) != row["text"]
                        for row in mine)
            print(f"{path.name}: {len(mine)} conversations, {wrong} differ")
            failures += wrong
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(pathlib.Path(sys.argv[2]))
    else:
        make(pathlib.Path(sys.argv[1]))
