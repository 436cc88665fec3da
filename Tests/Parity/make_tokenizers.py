"""Golden values for HalterTokenizersTests, from the libraries that Halter must agree with.

usage: make_tokenizers.py make --gguf SMOLLM2.gguf [--alpaca alpaca_en_demo.json] [--llama2 tokenizer.model]
           Writes Tests/HalterTokenizersTests/Fixtures and recipes/tiny.
       make_tokenizers.py check EXPORTED
           Loads tokenizer directories that the tests wrote (HALTER_TEST_EXPORT) with transformers, and compares
           ids and chat renderings with the fixtures.

Needs: tokenizers, transformers, gguf, sentencepiece.
"""
import argparse
import json
import os
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/HalterTokenizersTests/Fixtures"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

TEXT = """
Halter trains language models of the Llama family from recipes. A recipe is a file that says what to train: which
model, on which data, with which method, and where the result goes. There is one command to run it. Everything that
the checkpoint knows is read from the checkpoint: its architecture, its tokenizer, its chat template.

The tokenizer turns text into numbers. It first looks for the tokens that have a meaning of their own, such as the
one that ends a turn. What lies between them is cut into words, and every word is put together from its bytes by
rules that were learned from text: the two neighbours that stand together most often become one token, and so on.

An adapter is a small set of weights beside the frozen ones. It learns, and the rest stays as it was. When training
is over, the adapter is written to a directory which other tools can load, or it is merged into the weights.

How do I begin? Choose a model and a few hundred examples, write a recipe of ten lines, and run it. What you will
see is the loss going down: 3.21, 2.87, 2.40, 1.95. If it doesn't, look at the data first. They're often the reason.
It's better to read twenty rows with your own eyes than to try twenty learning rates; we've done both, I'm sure
you'd agree, and she'll say the same.

The loss is the mean over the tokens that carry weight, over the whole step of the optimizer and not over each part
of it. Rows are laid one after another in a stream, with the borders of the rows beside it, so no token is spent on
padding. The weights of the base model are mapped from the file and stay as they are in the file: in four bits, in
eight bits, or in sixteen. What is trained is kept in thirty-two bits. The user asks a question and the assistant
gives an answer; the system says how the assistant should speak. Only the answers of the assistant are trained, and
the token that ends the turn is trained with them, because a model that has not learned to stop will not stop.

You are a helpful assistant. What is a recipe? A recipe is a file that says what to train. What is an adapter? An
adapter is a small set of weights that is trained while the others are frozen. How many steps are there in a run?
As many as the recipe says. Can I stop the run and go on later? Yes: a run that was stopped goes on from the last
checkpoint to the same bits. Where is the result? The result is in the directory of the run, and its name is final.
Thank you. You are welcome. Please write a short story. Once upon a time there was a little cat that lived in a house
by the sea. Every morning the cat went down to the water and looked at the boats. One day a boat came that had no
sail, and the cat asked: where are you going? I am going home, said the boat, and the sea was very still.

def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)

let answer = (1...10).filter { $0 % 2 == 0 }.map { $0 * $0 }  // [4, 16, 36, 64, 100]

Ein Rezept ist eine Datei. Die Übung macht den Meister, und größere Modelle brauchen mehr Zeit. Un été à la plage,
où l'élève a reçu une leçon. El niño pequeño comió piñas. Привет, мир! Это простой текст. 你好，世界。これは日本語です。
"""


def strings():
    out = [
        "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n", "\n ", "a", " a", "a ", "  a", "a  b", "a   b", "a\tb",
        "a\n\nb", "a \n b", "a\r\nb\r\n", "\ta", "\n\na", "  \n  a", "a\u00a0b", "\u3000a", "a\u2003\u2003b", "\u0085x",
        "hello world", "Hello, world!", " Hello", "Hello ", "HELLO", "don't", "DON'T", "I'm we've they'll he'd it's you're",
        "I'M WE'VE THEY'LL HE'D IT'S YOU'RE", "'s", "'", "''", "'save 'till 'reverse", "x'\u017f y", "'\u017f", "rock 'n' roll",
        "0", "1", "12", "123", "1234", "12345678901234567890", "a1b2c3", " 1", "  1", "a  1", "a   12", "1 2  3", "3.14159",
        "1,234,567.89", "$99.99", "x = 10", "٣٤٥", "१२३", "Ⅷ Ⅻ", "½ ¾", "²³", "①②③", "x²", "1\u0301",
        "def f(x):\n    return x ** 2\n", "for (int i = 0; i < 10; i++) { a[i] += 1; }", "<html><body>&amp;</body></html>",
        "SELECT * FROM t WHERE a='b';", "{\"a\": [1, 2, {\"b\": null}]}", "https://example.org/a?b=c&d=%20#e", "a_b_c __init__",
        "C:\\dir\\file.txt", "---\n===\n***", "!!!???...", "!!! ???", " !", "  !", "a!\n\nb", "...\n", " ...\r\n\r\n", "#\n",
        "é", "e\u0301", "e\u0301te\u0301", "\u0301", "a\u0301\u0302\u0303", "ﬁ ﬂ ﬀ", "Å \u212b A\u030a", "가 \u1100\u1161 각",
        "ñ n\u0303", "\u1e9b\u0323", "\u0344", "ḍ̇ d\u0323\u0307", "日本語", "日本語 テキスト", "你好，世界！", "안녕하세요 세계", "ภาษาไทยไม่มีช่องว่าง",
        "नमस्ते दुनिया", "العربية من اليمين", "עברית \u200fRTL\u200e mix", "Ελληνικά", "Русский текст", "Tiếng Việt", "ქართული",
        "😀", "😀😀", "👍🏽", "👨\u200d👩\u200d👧\u200d👦", "🇩🇪🇫🇷", "❤️", "a😀b", "☃ ☕", "🏴\U000e0067\U000e0062\U000e007f", "🤷🏻\u200d♀️ ok",
        "\x00", "a\x00b", "\x00\x00\x00", "\x01\x02\x03\x04", "\x1b[31mred\x1b[0m", "\x7f", "\x80\x9f", "\ufeffbom", "a\u200bb",
        "\u2028\u2029", "\ufffd", "\uffff", "\U0010ffff", "\ue000", "\u00ad soft", "\u180e", "\u202e evil \u202c", "\x1c\x1d\x1e\x1f",
        "a" * 100, "ab" * 200, " " * 100, "\n" * 70, "1" * 90, "!" * 80, "=" * 200, "the " * 60, "日" * 90, "\u0301" * 60,
        "the" * 120, "antidisestablishmentarianism", "Donaudampfschifffahrtsgesellschaft", "aAbBcC" * 20, "x" + " " * 60 + "y",
        "<|im_start|>user\nhi<|im_end|>\n", "<|im_end|>", "<|im_end|><|im_end|>", "a<|im_end|>b", "<|im_end", "<|im_end|", "<<|im_end|>>",
        " <|im_end|> ", "<|im_start|>  a", "<|endoftext|>x", "<|IM_END|>", "</s>", "a</s>b", "a </s> b", "<s>", "<unk>x", "<0x41>",
        "<0x0A>", "[INST] hi [/INST]", "<<SYS>>\nx\n<</SYS>>\n\n", "▁", "▁a", "a▁b", "▁▁", " ▁", "Ġ", "Ċ Ġa", "<|begin_of_text|>hi",
        "[L]", "a [L] b", "a [R] b", "  [L][R]  x", "aword word wordy word's word", "[N] \u00c9[N]", "e\u0301[N]", "word", "[LR] [LR]\n[LR]",
        "\u088f\u0c5c\ua7ce", "\U00011de0\U00011de1", "\U00016ea0a", "\u2c2f\u1c89\u1c8a", "ǅ ʰ ª º", "ª", "\u0300a \u093ea", "a\u20dd", "۞ ﷺ",
        "Mixed: 中文 and English, números 123 और हिन्दी.", "tab\tseparated\tvalues\n1\t2\t3\n", "trailing   ", "   leading", "\u00a0\u00a0x",
        "\r", "\r\r\n", "a\rb", " \r\n \t x", "a\u000bb\u000cc", "x\u1680y\u205fz\u202fw",
    ]
    pool = (list("abcDEF 012 \n\t'.,!?<>|_") + ["  ", "\r\n", "é", "ß", "日", "本", "😀", "\u0301", "\u200d", "٣", "ع", "'s", "'LL",
            "the", " of", "\u00a0", "\u2028", "Ⅷ", "\x00", "\x85", "▁", "한", "ñ", "<|im_end|>", "</s>", "k", "ſ", "\ufe0f"])
    dice = random.Random(20)
    for length in (3, 5, 8, 12, 20, 40, 90):
        for _ in range(12):
            out.append("".join(dice.choice(pool) for _ in range(length)))
    return out


def special(content, **flags):
    return AddedToken(content, special=True, normalized=flags.pop("normalized", False), **flags)


def train(size, specials, splitter, byte_level=True):
    tok = Tokenizer(models.BPE(unk_token=None if byte_level else "<unk>", byte_fallback=not byte_level, fuse_unk=not byte_level))
    tok.pre_tokenizer = splitter
    tok.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
    start = specials if byte_level else specials + [f"<0x{b:02X}>" for b in range(256)]
    tok.train_from_iterator([TEXT], trainers.BpeTrainer(
        vocab_size=size, special_tokens=start, initial_alphabet=alphabet, show_progress=False, min_frequency=1))
    return tok


def rebuilt(tok, edit):
    data = json.loads(tok.to_str())
    edit(data)
    return Tokenizer.from_str(json.dumps(data))


def old_merges(data):
    """The spelling of merges as lines, as in files from before 2024."""
    data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]


def small_tokenizers():
    byte = pre_tokenizers.ByteLevel(add_prefix_space=False)
    out = {}
    gpt2 = train(1200, ["<|endoftext|>"], byte)
    gpt2.add_special_tokens([special("<|im_start|>"), special("<|im_end|>"), special("[L]", lstrip=True),
                             special("[R]", rstrip=True), special("[LR]", lstrip=True, rstrip=True)])
    gpt2.add_tokens([AddedToken("word", single_word=True, normalized=True), AddedToken("[N]", normalized=True)])
    out["gpt2"] = gpt2
    prefix = rebuilt(gpt2, lambda d: d["pre_tokenizer"].update(add_prefix_space=True))
    out["gpt2-prefix"] = prefix
    no_regex = Tokenizer.from_str(gpt2.to_str())
    no_regex.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(False), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    out["digits-run"] = no_regex

    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3 = train(1200, ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"], split)

    def ignore(data):
        data["model"]["ignore_merges"] = True
        # A token that no merge makes: only the whole-word rule can give it.
        data["model"]["vocab"]["Ġrhinoceros"] = len(data["model"]["vocab"])
    llama3 = rebuilt(llama3, ignore)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing("<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|> $B",
                                      [("<|begin_of_text|>", llama3.token_to_id("<|begin_of_text|>"))])])
    out["llama3"] = llama3
    qwen2 = rebuilt(llama3, lambda d: d["model"].update(ignore_merges=False))
    qwen2.normalizer = normalizers.NFC()
    qwen2.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"),
                                                   pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    qwen2.add_tokens([AddedToken("\u00c9[N]", normalized=True)])
    out["qwen2"] = qwen2

    legacy = train(1100, ["<unk>", "<s>", "</s>"], pre_tokenizers.Metaspace(prepend_scheme="always", split=True), byte_level=False)
    legacy.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    legacy.pre_tokenizer = None
    legacy.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    legacy.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    # The trainer has no other way to plan byte tokens than to call them special, which they are not.
    legacy = rebuilt(legacy, lambda d: d.update(added_tokens=[t for t in d["added_tokens"] if not t["content"].startswith("<0x")]))
    out["llama2"] = legacy
    for scheme in ("first", "always", "never"):
        meta = Tokenizer.from_str(legacy.to_str())
        meta.normalizer = None
        meta.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=scheme == "always")
        if scheme == "never":
            meta.decoder = decoders.Metaspace(prepend_scheme="never")
        out[f"metaspace-{scheme}"] = meta

    def no_fallback(data):
        data["model"].update(byte_fallback=False, fuse_unk=True)
    out["unknown-fused"] = rebuilt(legacy, no_fallback)
    out["unknown-single"] = rebuilt(legacy, lambda d: d["model"].update(byte_fallback=False, fuse_unk=False))
    return out


def golden(tok, texts):
    ids = [tok.encode(s, add_special_tokens=False).ids for s in texts]
    tok.encode_special_tokens = True
    plain = [tok.encode(s, add_special_tokens=False).ids for s in texts]
    tok.encode_special_tokens = False
    return {
        "ids": ids,
        "plain": {str(i): p for i, p in enumerate(plain) if p != ids[i]},
        "added": [tok.encode(s, add_special_tokens=True).ids for s in ("", "hello")],
        "decoded": {str(i): d for i, d in enumerate(tok.decode(x) for x in ids) if d != texts[i]},
        "torn": [[i[a:b], tok.decode(i[a:b])] for i in ids if len(i) > 4 for a, b in ((1, 3), (2, 5))][:40],
        "rhino": tok.encode("a rhinoceros", add_special_tokens=False).ids,
    }


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def reference_smollm2(path):
    """SmolLM2's own tokenizer: transformers' GGUF import forgets that it cuts digits off."""
    from gguf import GGUFReader
    fields = GGUFReader(path).fields
    get = lambda key: fields["tokenizer." + key].contents()
    tokens = get("ggml.tokens")
    tok = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[tuple(m.split(" ")) for m in get("ggml.merges")]))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([special(t) for t, k in zip(tokens, get("ggml.token_type")) if k == 3])
    return tok, get("chat_template")


CONVERSATIONS = [
    [("user", "Hi")],
    [("system", "Be brief."), ("user", "Hi")],
    [("user", "Hi"), ("assistant", "Hello!")],
    [("user", "  padded \n"), ("assistant", "\n\n answer  "), ("user", "again"), ("assistant", "ok")],
    [("system", " sys "), ("user", " u "), ("assistant", " a "), ("user", "u2")],
    [("user", "12 + 34?"), ("assistant", "46\n\n"), ("user", "\n\nthanks"), ("assistant", "")],
    [("user", "é\u0301😀 <b>"), ("assistant", "日本語\r\nx")],
    [("system", ""), ("user", "u"), ("assistant", "a")],
    [("user", ""), ("assistant", "a")],
    [("system", "only rules"), ("user", "   "), ("assistant", "?")],
    [("user", "\x1cspace\x1f\u00a0"), ("assistant", "'s done")],
]
ALPACA = ("Below is an instruction that describes a task. Write a response that appropriately completes the request.")


def llama3_text(messages, prompt):
    out = "<|begin_of_text|>"
    for role, content in messages:
        out += f"<|start_header_id|>{role}<|end_header_id|>\n\n{content.strip()}<|eot_id|>"
    return out + ("<|start_header_id|>assistant<|end_header_id|>\n\n" if prompt else "")


def llama2_text(messages, prompt):
    out, system = "", None
    if messages[0][0] == "system":
        system, messages = messages[0][1], messages[1:]
    for role, content in messages:
        if role == "user":
            if system is not None:
                content, system = f"<<SYS>>\n{system}\n<</SYS>>\n\n{content}", None
            out += f"<s>[INST] {content.strip()} [/INST]"
        else:
            out += f" {content.strip()} </s>"
    return out


def alpaca_text(messages, prompt):
    out = "" if messages[0][0] == "system" else ALPACA + "\n\n"
    for role, content in messages:
        out += {"system": "{}\n\n", "user": "### Instruction:\n{}\n\n", "assistant": "### Response:\n{}</s>\n\n"}[role].format(content)
    return out + ("### Response:\n" if prompt else "")


def chat(smollm2, jinja, small):
    from transformers import PreTrainedTokenizerFast
    chatml = PreTrainedTokenizerFast(tokenizer_object=smollm2, bos_token="<|im_start|>", eos_token="<|im_end|>")
    chatml.chat_template = jinja
    rows = []
    for messages in CONVERSATIONS:
        for prompt in (False, True):
            as_dicts = [{"role": r, "content": c} for r, c in messages]
            texts = {"chatml": chatml.apply_chat_template(as_dicts, tokenize=False, add_generation_prompt=prompt),
                     "llama3": llama3_text(messages, prompt), "llama2": llama2_text(messages, prompt), "alpaca": alpaca_text(messages, prompt)}
            encoders = {"chatml": smollm2, "llama3": small["llama3"], "llama2": small["llama2"], "alpaca": small["llama2"]}
            for kind, text in texts.items():
                rows.append({"kind": kind, "messages": as_dicts, "prompt": prompt, "text": text,
                             "ids": encoders[kind].encode(text, add_special_tokens=False).ids})
    return rows


def fnv(ids):
    value = 0xCBF29CE484222325
    for i in ids:
        for byte in i.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def scalar_classes():
    """Runs of characters that the patterns take for letters, numbers and spaces: [first, last] of each."""
    text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    out = {}
    for name, pattern in (("letter", r"\p{L}+"), ("number", r"\p{N}+"), ("space", r"\s+")):
        keep = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
        out[name] = [[ord(piece[0]), ord(piece[-1])] for piece, _ in keep.pre_tokenize_str(text)]
    return out


CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def make_tiny(texts):
    """A tokenizer of exactly 512 tokens for tiny models."""
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok = train(512, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], splitter)
    assert tok.get_vocab_size() == 512, tok.get_vocab_size()
    folder = ROOT / "recipes/tiny"
    folder.mkdir(parents=True, exist_ok=True)
    tok.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, "bos_token": "<|im_start|>",
              "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "model_max_length": 512, "chat_template": CHATML}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    dump(FIXTURES / "golden-tiny.json", golden(tok, texts))


def make(args):
    texts = strings()
    assert len(texts) >= 150
    dump(FIXTURES / "strings.json", texts)
    dump(FIXTURES / "scalars.json", scalar_classes())
    small = small_tokenizers()
    for name, tok in small.items():
        data = json.loads(tok.to_str())
        if name in ("gpt2", "llama2"):
            old_merges(data)
        if name in ("gpt2", "llama3", "llama2"):
            dump(FIXTURES / name / "tokenizer.json", data)
        else:
            # The variants differ from their base in these parts only.
            base = "gpt2" if name in ("gpt2-prefix", "digits-run") else "llama3" if name == "qwen2" else "llama2"
            model = {k: v for k, v in data.pop("model").items() if k not in ("vocab", "merges")}
            dump(FIXTURES / "variants" / f"{name}.json", {"base": base, "parts": data, "model": model})
        dump(FIXTURES / f"golden-{name}.json", golden(tok, texts))
    make_tiny(texts)
    smollm2, jinja = reference_smollm2(args.gguf)
    (FIXTURES / "smollm2.jinja").write_text(jinja)
    dump(FIXTURES / "golden-smollm2.json", golden(smollm2, texts))
    dump(FIXTURES / "chat.json", chat(smollm2, jinja, small))
    if args.alpaca:
        rows = json.loads(pathlib.Path(args.alpaca).read_text())
        dump(FIXTURES / "alpaca-hashes.json",
             [fnv(smollm2.encode("\n".join((r["instruction"], r["input"], r["output"])), add_special_tokens=False).ids) for r in rows])
    if args.llama2:
        import sentencepiece
        sp = sentencepiece.SentencePieceProcessor(model_file=args.llama2)
        clean = [s for s in texts if "\0" not in s]
        dump(FIXTURES / "golden-sentencepiece.json", {"texts": clean, "ids": [sp.encode(s) for s in clean]})


def check(folder):
    from transformers import AutoTokenizer
    texts = json.loads((FIXTURES / "strings.json").read_text())
    rows = json.loads((FIXTURES / "chat.json").read_text())
    failures = 0
    for path in sorted(pathlib.Path(folder).iterdir()):
        tok = AutoTokenizer.from_pretrained(path)
        name, _, kind = path.name.partition("@")
        want = json.loads((FIXTURES / f"golden-{name}.json").read_text())["ids"]
        bad = sum(tok.encode(s, add_special_tokens=False) != w for s, w in zip(texts, want))
        chats = [r for r in rows if r["kind"] == kind]
        wrong = sum(tok.apply_chat_template(r["messages"], tokenize=False, add_generation_prompt=r["prompt"]) != r["text"] for r in chats)
        print(f"{path.name}: {len(want)} strings, {bad} differ; {len(chats)} conversations, {wrong} differ; {type(tok).__name__} {len(tok)}")
        failures += bad + wrong
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make")
    maker.add_argument("--gguf", required=True)
    maker.add_argument("--alpaca")
    maker.add_argument("--llama2")
    commands.add_parser("check").add_argument("folder")
    arguments = parser.parse_args()
    if arguments.command == "make":
        make(arguments)
    else:
        check(arguments.folder)
