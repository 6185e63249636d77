#!/usr/bin/env python3
"""Make src/TransformerTorch.Text/Unicode/unicode.bin from the Unicode Character Database.

    scripts/unicode-tables.py UCD_FOLDER        (Debian's package unicode-data, version 17: /usr/share/unicode)

The reference library's parts know different versions of Unicode; each table has the version of the part that it stands for.
A later database serves for an earlier version: what is younger counts as unassigned, and the few characters whose property
changed since are listed below.
"""
import os, struct, sys, zlib

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn".split()
BREAKS = "Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT".split()
SURROGATES = range(0xD800, 0xE000)
WHITE = {*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}

def read(name):
    for line in open(os.path.join(sys.argv[1], name), encoding="utf-8"):
        fields = [field.strip() for field in line.split("#")[0].split(";")]
        if fields[0]:
            yield fields

def ranges(name):
    for first, *rest in read(name):
        low, _, high = first.partition("..")
        for code in range(int(low, 16), int(high or low, 16) + 1):
            yield code, rest

age = {code: tuple(map(int, rest[0].split("."))) for code, rest in ranges("DerivedAge.txt")}
category, ccc, mapping, lower = {}, {}, {}, {0x130: [0x69, 0x307]}
start = 0
for row in read("UnicodeData.txt"):
    code = int(row[0], 16)
    if row[1].endswith("First>"):
        start = code
        continue
    for each in range(start if row[1].endswith("Last>") else code, code + 1):
        category[each] = row[2]
    ccc[code] = int(row[3])
    if row[5]:
        kind, _, codes = row[5].rpartition("> ")
        mapping[code] = (bool(kind), [int(c, 16) for c in codes.split()])
    if row[13] and code != 0x130:
        lower[code] = [int(row[13], 16)]
core = {}
for code, rest in ranges("DerivedCoreProperties.txt"):
    core.setdefault(code, set()).add("=".join(rest))
excluded = {code for code, rest in ranges("DerivedNormalizationProps.txt") if rest[0] == "Full_Composition_Exclusion"}
script = {code: rest[0] for code, rest in ranges("Scripts.txt")}
breaks = {code: rest[0] for code, rest in ranges("auxiliary/GraphemeBreakProperty.txt")}
pictographic = {code for code, rest in ranges("emoji/emoji-data.txt") if rest[0] == "Extended_Pictographic"}

def known(code, version):
    return age.get(code, (99, 0)) <= version and code not in SURROGATES

def category_at(code, version):
    if code == 0x295 and version < (17, 0):
        return "Ll"
    return category.get(code, "Cn") if known(code, version) else "Cn"

def flags(code):
    """Bits that CodePoints.cs names: what the reference's parts ask of a character."""
    at16, at17 = category_at(code, (16, 0)), category_at(code, (17, 0))
    at8, at9 = category_at(code, (8, 0)), category_at(code, (9, 0))
    alphabetic = "Alphabetic" in core.get(code, ()) and known(code, (16, 0))
    word = alphabetic or at16[0] == "M" or at16 in ("Nd", "Pc")
    mark8 = (at8 == "Mn") != (code in (0x111C9, 0x1171E, 0x1734, 0x1885, 0x1886, 0xA9BD))
    mark9 = (at9[0] == "M") != (code in (0x111C9, 0x1CF2, 0x1CF3))
    punctuation8 = (at8[0] == "P") != (code in (0x111C9, 0x166D))
    ascii_punctuation = code < 128 and chr(code) in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
    bits = (
        at16[0] == "L", at16[0] == "N", code in WHITE,                       # Oniguruma: \p{L} \p{N} \s
        word or code in (0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE),                # Oniguruma: \w
        word or code in (0x200C, 0x200D),                                    # regex: \w
        at17[0] == "N",                                                      # Rust: is_numeric
        punctuation8 or ascii_punctuation,                                   # unicode_categories: is_punctuation, or ASCII's
        at8 in ("Cc", "Cf", "Co"), mark8,                                    # unicode_categories: is_other, is_mark_nonspacing
        mark9,                                                               # unicode-normalization-alignments: is_combining_mark
        alphabetic, "Uppercase" in core.get(code, ()) and known(code, (16, 0)),
        ("Lowercase" in core.get(code, ()) or code == 0x295) and known(code, (16, 0)))
    return sum(bit << i for i, bit in enumerate(bits))

def table(values, unit):
    """Two stages: for each 256 code points the number of a block; the blocks."""
    blocks, index = {}, []
    for low in range(0, 0x110000, 256):
        block = struct.pack(f"<256{unit}", *values[low:low + 256])
        index.append(blocks.setdefault(block, len(blocks)))
    return struct.pack("<H4352H", len(blocks), *index) + b"".join(blocks)

def decompose(code, compatible):
    kind, codes = mapping.get(code, (False, None))
    if codes is None or not known(code, (9, 0)) or (kind and not compatible):
        return [code]
    return [part for each in codes for part in decompose(each, compatible)]

def listed(entries):
    out = struct.pack("<I", len(entries))
    for code, codes in entries:
        out += struct.pack(f"<II{len(codes)}I", code, len(codes), *codes)
    return out

def incb(code):
    properties = core.get(code, ())
    return 1 if "InCB=Consonant" in properties else 2 if "InCB=Extend" in properties else 3 if "InCB=Linker" in properties else 0

def grapheme(code):
    if not known(code, (16, 0)) and code not in breaks:
        return 16 if code in pictographic else 0
    return BREAKS.index(breaks.get(code, "Other")) | (code in pictographic) << 4 | incb(code) << 5

scripts = sorted(set(script.values()))
everything = range(0x110000)
old_scripts = {0x589: "Common", 0x61C: "Common", 0x953: "Devanagari", 0x954: "Devanagari"}
canonical = [(c, decompose(c, False)) for c in sorted(mapping) if known(c, (9, 0)) and decompose(c, False) != [c]]
compatible = [(c, decompose(c, True)) for c in sorted(mapping) if known(c, (9, 0)) and decompose(c, True) != decompose(c, False)]
pairs = [(c, codes) for c, (kind, codes) in sorted(mapping.items()) if not kind and len(codes) == 2]
compositions = [(c, codes) for c, codes in pairs if c not in excluded and known(c, (9, 0))]
def folding(kinds):
    entries = [(int(row[0], 16), [int(c, 16) for c in row[2].split()]) for row in read("CaseFolding.txt") if row[1] in kinds]
    return [(code, codes) for code, codes in entries if known(code, (16, 0))]

names = "\n".join(scripts).encode()
data = b"".join((
    table([flags(c) for c in everything], "H"),
    table([CATEGORIES.index(category_at(c, (16, 0))) for c in everything], "B"),
    table([scripts.index(script[c]) + 1 if c in script and known(c, (16, 0)) else 0 for c in everything], "B"),
    table([scripts.index(old_scripts.get(c, script[c])) + 1 if c in script and known(c, (9, 0)) else 0 for c in everything], "B"),
    table([grapheme(c) for c in everything], "B"),
    table([ccc.get(c, 0) if known(c, (9, 0)) else 0 for c in everything], "B"),
    listed(canonical), listed(compatible), listed(compositions), listed(sorted(lower.items())), listed(folding("CS")), listed(folding("F")),
    struct.pack("<I", len(names)), names))
target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../src/TransformerTorch.Text/Unicode/unicode.bin")
with open(target, "wb") as file:
    file.write(zlib.compress(data, 9))
print(len(data), "bytes,", os.path.getsize(target), "compressed")
