#!/usr/bin/env python3
"""Random tokenizers of random parts, with the reference library's answers to random texts, for `tt tokenizer verify`.

    python3 scripts/tokenizer-cases.py OUT [SEED] [PIPELINES] [TEXTS]     (needs tokenizers 0.23)
    scripts/tt tokenizer verify OUT/*
"""
import base64, json, pathlib, random, sys
from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N
from tokenizers import pre_tokenizers as P, processors as Q, trainers as T

if len(sys.argv) < 2: sys.exit(__doc__)
out, seed, pipelines, texts = (sys.argv[1:] + ["1", "250", "40"][len(sys.argv) - 2:])[:4]
r = random.Random(int(seed))
root = pathlib.Path(__file__).resolve().parents[1]
lines = [line for path in sorted([*root.glob("*.md"), *root.glob("docs/*.md")]) for line in path.read_text().split("\n") if line]
table = json.loads((root / "tests/fixtures/tokenizers/t5-precompiled/tokenizer.json").read_text())["normalizer"]
table = base64.b64decode(next(part for part in table.get("normalizers", [table]) if part["type"] == "Precompiled")["precompiled_charsmap"])
special = ["<unk>", "<s>", "</s>", "<pad>", "[CLS]", "[SEP]", "[MASK]"]
bytes_ = [f"<0x{i:02X}>" for i in range(256)]
end = r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
patterns = [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+" + end, r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+" + end,
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?" + end,
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", r"(?<=[a-z])(?=[A-Z])", r"\w+|[^\w\s]+", r"\s+",
            r"\b", r"\d", r"a*", r"\p{Han}", r"^\s|\s$", r"(?:\p{Lu}\p{Ll}*)+?", r"[[:punct:]]+", r"(a|b|ab)+c?",
            "[\u4e00-\u9fa5\u3040-\u30ff]+"]
behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
blocks = [(32, 126)] * 6 + [
    (0, 0x1F), (0x7F, 0x24F), (0x300, 0x52F), (0x590, 0x6FF), (0x900, 0x97F), (0x0E00, 0x0E7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
    (0x2000, 0x214F), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFE0F), (0xFF00, 0xFFFF), (0x1D400, 0x1D7FF),
    (0x1F1E6, 0x1FAFF), (0x20000, 0x20100), (0x10FF00, 0x10FFFF)]
snippets = ["\r\n", "\t", "  ", "'s", "'LL", "'\u017f", "\u0130", "e\u0301", "\u1e9b\u0323", "\U0001f468\u200d\U0001f469", "\u2581",
            "\u0120", "\ufffd", "\0", "[MASK]", "</s>", "<x>", " <x> ", "Hello", "DAY", "D\u00c1Y", "\uac00\u11a8", "a\u0323\u0307", "``",
            "\u00df", "\ufb01", "\u00bd", "<0x41>", "##ing", "\u3000", "\ufeff"]
one = r.choice


def maybe(p=0.5): return r.random() < p
def several(make, most): return [make() for _ in range(r.randint(1, most))]


def text():
    def block():
        low, high = one(blocks)
        return "".join(chr(r.randint(low, high)) for _ in range(r.randint(1, 7)))
    parts = [lambda: one(snippets), lambda: one(lines)[:20], block, block]
    return "".join(one(parts)() + one(["", " ", " ", "  "]) for _ in range(r.randint(0, 14)))


def normalizer():
    return one([
        N.NFC, N.NFD, N.NFKC, N.NFKD, N.Lowercase, N.StripAccents, N.Nmt, N.ByteLevel,
        lambda: N.Precompiled(table),
        lambda: N.Strip(maybe(), maybe()),
        lambda: N.Prepend(one(["\u2581", "ab"])),
        lambda: N.Sequence(several(normalizer, 3)),
        lambda: N.BertNormalizer(maybe(), maybe(), one([None, True, False]), maybe()),
        lambda: N.Replace(one([" ", "the", Regex(" {2,}"), Regex(r"\p{Lu}"), Regex(r"\d+$")]), one(["\u2581", "", "xy"]))])()


def pre_tokenizer():
    return one([
        P.BertPreTokenizer, P.Whitespace, P.WhitespaceSplit, P.UnicodeScripts,
        lambda: P.ByteLevel(maybe(), use_regex=maybe()),
        lambda: P.Metaspace(one("\u2581_"), one(["always", "first", "never"]), maybe()),
        lambda: P.Punctuation(one(behaviors)),
        lambda: P.Digits(maybe()),
        lambda: P.CharDelimiterSplit(one("a .")),
        lambda: P.FixedLength(r.randint(1, 6)),
        lambda: P.Split(one([" ", "ing", *map(Regex, patterns)]), one(behaviors), maybe(0.3)),
        lambda: P.Sequence(several(pre_tokenizer, 3))])()


def decoder():
    return one([
        D.ByteLevel, D.ByteFallback, D.Fuse,
        lambda: D.WordPiece("##", maybe()),
        lambda: D.BPEDecoder("</w>"),
        lambda: D.CTC("<pad>", "e", maybe()),
        lambda: D.Metaspace(prepend_scheme=one(["always", "first", "never"])),
        lambda: D.Replace(one(["\u2581", "e"]), one([" ", ""])),
        lambda: D.Strip(one(" a"), r.randint(0, 2), 0),
        lambda: D.Sequence(several(decoder, 4))])()


def processor(t):
    def named(token): return token, t.token_to_id(token)
    def template(single, pair): return Q.TemplateProcessing(single, pair, [named(token) for token in ["[CLS]", "[SEP]", "<s>"]])
    return one([
        lambda: Q.BertProcessing(named("[SEP]"), named("[CLS]")),
        lambda: Q.RobertaProcessing(named("</s>"), named("<s>"), maybe(), maybe()),
        lambda: Q.ByteLevel(maybe()),
        lambda: Q.Sequence([processor(t), processor(t)]),
        lambda: template("<s> $A", "<s> $A <s>:1 $B:1"),
        lambda: template("[CLS]:4 $A $A [SEP]", "[CLS] $B $A [SEP]")])()


def model():
    plain, fallback = ({"show_progress": False, "special_tokens": tokens} for tokens in [special, special + bytes_])
    alphabet = one([{"initial_alphabet": P.ByteLevel.alphabet()}, {"limit_alphabet": 80}, {"continuing_subword_prefix": "##"},
                    {"end_of_word_suffix": "</w>"}])
    return one([
        lambda: (M.BPE(unk_token=one([None, "<unk>"]), fuse_unk=maybe(), ignore_merges=maybe()),
                 T.BpeTrainer(vocab_size=one([400, 700]), **alphabet, **plain)),
        lambda: (M.BPE(unk_token="<unk>", fuse_unk=maybe(), byte_fallback=True),
                 T.BpeTrainer(vocab_size=800, limit_alphabet=70, **fallback)),
        lambda: (M.WordPiece(unk_token="<unk>", max_input_chars_per_word=one([100, 8])),
                 T.WordPieceTrainer(vocab_size=600, limit_alphabet=one([80, 1000]), **plain)),
        lambda: (M.Unigram(), T.UnigramTrainer(vocab_size=900, unk_token="<unk>", **one([plain, fallback]))),
        lambda: (M.WordLevel(unk_token="<unk>"), T.WordLevelTrainer(vocab_size=600, **plain))])()


def tokenizer():
    bare, trainer = model()
    t = Tokenizer(bare)
    if maybe(0.8): t.normalizer = normalizer()
    if maybe(0.9): t.pre_tokenizer = pre_tokenizer()
    t.train_from_iterator([one(lines)[:60] for _ in range(250)] + [text() for _ in range(50)], trainer)
    saved = json.loads(t.to_str())
    if "<0x00>" in str(saved["model"]["vocab"]):  # made as special tokens, to be in the vocabulary, which they then are not
        saved["added_tokens"] = [token for token in saved["added_tokens"] if token["content"] in special]
        saved["model"]["byte_fallback"] = True
    t = Tokenizer.from_str(json.dumps(saved))
    t.add_tokens([AddedToken(token, single_word=maybe(0.3), lstrip=maybe(0.3), rstrip=maybe(0.3), normalized=maybe(), special=maybe(0.3))
                  for token in ["<x>", "DAY", "ing", "[MASK]", "\u00e9"] if maybe(0.4)])
    if maybe(0.8): t.post_processor = processor(t)
    t.decoder = decoder()
    saved = json.loads(t.to_str())  # so that truncation may leave no room
    if maybe(0.3):
        saved["truncation"] = {"max_length": r.randint(1, 14), "stride": r.randint(0, 2), "direction": one(["Left", "Right"]),
                               "strategy": one(["LongestFirst", "OnlyFirst", "OnlySecond"])}
    if maybe(0.3):
        saved["padding"] = {"strategy": one(["BatchLongest", {"Fixed": 20}]), "direction": one(["Left", "Right"]), "pad_id": 3,
                            "pad_to_multiple_of": one([None, 4]), "pad_type_id": 1, "pad_token": "<pad>"}
    return Tokenizer.from_str(json.dumps(saved))


def case(t):
    words = maybe(0.2)
    def make(): return [text()[:12] for _ in range(r.randint(0, 5))] if words else text()
    line = {"text": make(), "add_special": maybe(0.8)} | ({"pair": make()} if maybe(0.2) else {})
    e = t.encode(line["text"], line.get("pair"), is_pretokenized=words, add_special_tokens=line["add_special"])
    return line | {"ids": e.ids, "tokens": e.tokens, "offsets": e.offsets, "type_ids": e.type_ids, "words": e.word_ids,
                   "special_mask": e.special_tokens_mask, "attention": e.attention_mask,
                   "overflowing": [part.ids for part in e.overflowing],
                   "decoded": t.decode(e.ids), "decoded_keep_special": t.decode(e.ids, skip_special_tokens=False)}


def answered(make, *arguments):
    while True:  # what the reference library itself refuses, or stops at, is no case
        try: return make(*arguments)
        except KeyboardInterrupt: raise
        except BaseException: continue


for number in range(int(pipelines)):
    t = answered(tokenizer)
    folder = pathlib.Path(out) / f"{seed}-{number:04}"
    folder.mkdir(parents=True, exist_ok=True)
    t.save(str(folder / "tokenizer.json"), pretty=False)
    with open(folder / "cases.jsonl", "w") as file:
        file.writelines(json.dumps(answered(case, t)) + "\n" for _ in range(int(texts)))
