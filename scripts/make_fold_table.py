#!/usr/bin/env python3
"""Writes src/core/detect/data/fold_rows.inc: what becomes of each character beyond ASCII in a view.

Compatibility rows come from Unicode's own properties, as Python's unicodedata knows them: what NFKC
turns into ASCII, decimal digits of all scripts, spaces, dashes, and characters that show nothing.
The look-alikes of Latin letters are listed here, by eye, script by script.

usage: make_fold_table.py > src/core/detect/data/fold_rows.inc
"""

import sys
import unicodedata

SHOWS_NOTHING = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]
TAGS = range(0xE0020, 0xE007F)  # ASCII that shows nothing: it is read
BLANK = [0x2800]                # a Braille cell without dots
MORE_DASHES = [0x2043, 0x2212, 0x02D7, 0x2796]

# Marks that no orthography writes over Latin letters, and that strike letters through.
OVERSTRIKES = [(0x0305, 0x0305), (0x0332, 0x0338), (0x033D, 0x0344), (0x0346, 0x034E),
               (0x0350, 0x0357), (0x0359, 0x035E), (0x0363, 0x036F), (0x20D0, 0x20E3)]

LOOK_ALIKES = {
    # Cyrillic
    "а": "a", "Ь": "b", "с": "c", "ԁ": "d", "е": "e", "ҽ": "e", "һ": "h", "і": "i", "ї": "i",
    "ј": "j", "ӏ": "l", "о": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "ѵ": "v", "ԝ": "w",
    "х": "x", "у": "y", "ү": "y", "А": "A", "В": "B", "С": "C", "Е": "E", "Ѐ": "E", "Ԍ": "G",
    "Н": "H", "І": "I", "Ї": "I", "Ӏ": "I", "Ј": "J", "К": "K", "М": "M", "О": "O", "Р": "P",
    "Ԛ": "Q", "Ѕ": "S", "Т": "T", "Ѵ": "V", "Ԝ": "W", "Х": "X", "У": "Y", "Ү": "Y", "ё": "e",
    "к": "k", "т": "t", "м": "m", "З": "3", "з": "3",
    # Greek
    "α": "a", "β": "b", "ϲ": "c", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o",
    "ρ": "p", "σ": "o", "τ": "t", "υ": "u", "χ": "x", "γ": "y", "ω": "w", "ϳ": "j", "Α": "A",
    "Β": "B", "Ϲ": "C", "Ε": "E", "Η": "H", "Ι": "I", "Ϳ": "J", "Κ": "K", "Μ": "M", "Ν": "N",
    "Ο": "O", "Ρ": "P", "Τ": "T", "Υ": "Y", "Χ": "X", "Ζ": "Z",
    # Armenian
    "ց": "g", "հ": "h", "յ": "j", "ո": "n", "օ": "o", "զ": "q", "ս": "u", "Օ": "O", "Տ": "S",
    "Ս": "U", "Լ": "L", "ւ": "i",
    # Hebrew, Georgian, Ethiopic and others: few are close
    "ס": "o", "ו": "l", "ן": "l", "ყ": "y", "ዐ": "O",
    # Cherokee
    "Ꭰ": "D", "Ꭱ": "R", "Ꭲ": "T", "Ꭺ": "A", "Ꭻ": "J", "Ꭼ": "E", "Ꮃ": "W", "Ꮇ": "M", "Ꮋ": "H",
    "Ꮐ": "G", "Ꮓ": "Z", "Ꮞ": "4", "Ꮢ": "R", "Ꮤ": "W", "Ꮥ": "S", "Ꮪ": "S", "Ꮩ": "V", "Ꮮ": "L",
    "Ꮯ": "C", "Ꮲ": "P", "Ꮶ": "K", "Ᏼ": "B", "Ꮍ": "y", "Ᏻ": "G", "Ꭵ": "i",
    # Lisu
    "ꓐ": "B", "ꓑ": "P", "ꓓ": "D", "ꓔ": "T", "ꓖ": "G", "ꓗ": "K", "ꓙ": "J", "ꓚ": "C", "ꓜ": "Z",
    "ꓝ": "F", "ꓟ": "M", "ꓠ": "N", "ꓡ": "L", "ꓢ": "S", "ꓣ": "R", "ꓦ": "V", "ꓧ": "H", "ꓪ": "W",
    "ꓫ": "X", "ꓬ": "Y", "ꓮ": "A", "ꓰ": "E", "ꓲ": "I", "ꓳ": "O", "ꓴ": "U",
    # Latin letters of phonetics; letters that some language is written with stay
    "ı": "i", "ɑ": "a", "ɡ": "g", "ɩ": "i", "ɪ": "i", "ʏ": "y", "ʀ": "r", "ɴ": "n", "ʟ": "l",
    "ʜ": "h", "ʙ": "b", "ɢ": "g", "ᴀ": "a", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ᴊ": "j", "ᴋ": "k",
    "ᴍ": "m", "ᴏ": "o", "ᴘ": "p", "ꜰ": "f", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w",
    "ᴢ": "z", "ꞯ": "q", "ǫ": "q", "ɐ": "a", "ƅ": "b", "ɗ": "d", "ɖ": "d", "ɛ": "e", "ƒ": "f",
    "ɦ": "h", "ɨ": "i", "ʝ": "j", "ƙ": "k", "ɫ": "l", "ɭ": "l", "ƚ": "l", "ɱ": "m",
    "ɲ": "n", "ɳ": "n", "ƞ": "n", "ɵ": "o", "ƥ": "p", "ɋ": "q", "ɾ": "r", "ɽ": "r",
    "ʂ": "s", "ƭ": "t", "ʈ": "t", "ŧ": "t", "ʋ": "v", "ʉ": "u", "ƴ": "y", "ʐ": "z", "ƶ": "z",
    "ƀ": "b", "ǀ": "l",
    # Quotation marks that phrases are written with
    "‘": "'", "’": "'", "ʼ": "'", "′": "'", "“": '"', "”": '"',
}
for base, first in ((0x1F150, "A"), (0x1F170, "A")):  # white letters on black
    for i in range(26):
        LOOK_ALIKES[chr(base + i)] = chr(ord(first) + i)


def between(code, ranges):
    return any(first <= code <= last for first, last in ranges)


def compatible(code):
    """The ASCII of a character, "" where it shows nothing, None where it stays."""
    char = chr(code)
    if code in TAGS:
        return chr(code - 0xE0000)
    if between(code, SHOWS_NOTHING):
        return ""
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(char)
    if category == "Zs" or code in BLANK:
        return " "
    if category in ("Zl", "Zp") or code == 0x85:
        return "\n"
    if category == "Pd" or code in MORE_DASHES:
        return "-"
    plain = unicodedata.normalize("NFKC", char)
    if plain == char or not plain.isascii() or not 1 <= len(plain) <= 4:
        return None
    if len(plain) > 1 and not any(c.isalnum() for c in plain):
        return None  # an ellipsis takes part in no finding, and prose is full of them
    return plain


def skeleton(code):
    if between(code, OVERSTRIKES):
        return ""
    return LOOK_ALIKES.get(chr(code))


def rows(what):
    """Rows (first, last, text): equal texts, or one character that counts up with the code."""
    out = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code <= 0xDFFF:
            continue
        text = what(code)
        if text is None:
            continue
        if out:
            first, last, begin, step = out[-1]
            near = code == last + 1
            if near and text == begin and step in (None, 0):
                out[-1] = (first, code, begin, 0)
                continue
            counts = len(text) == 1 and len(begin) == 1 and ord(text) == ord(begin) + code - first
            if near and counts and step in (None, 1):
                out[-1] = (first, code, begin, 1)
                continue
        out.append((code, code, text, None))
    return out


def literal(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main():
    print("// Written by scripts/make_fold_table.py from Unicode", unicodedata.unidata_version + ".")
    print("// first, last, ASCII, counts up, only in the skeleton")
    for what, only in ((compatible, "false"), (skeleton, "true")):
        for first, last, text, step in rows(what):
            up = "true" if step == 1 else "false"
            print(f"{{0x{first:X}, 0x{last:X}, {literal(text)}, {up}, {only}}},")


if __name__ == "__main__":
    sys.exit(main())
