"""Reads the program's ELF headers and fails when a hardening feature is missing.

usage: hardening.py PROGRAM
       hardening.py --self-test

PIE (the code may be loaded anywhere), RELRO and BIND_NOW (function pointers of shared libraries are
resolved at start and then read-only), NX (no executable stack), no segment both writable and
executable, a stack canary, no RPATH. Read from the file itself: no binutils needed.
"""

import struct
import sys

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_STRTAB, DT_STRSZ, DT_RPATH, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = (
    5, 10, 15, 24, 29, 30, 0x6FFFFFFB)
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000


def missing(elf: bytes) -> list[str]:
    """What a reviewer would complain about, one line each."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return ["not a 64-bit little-endian ELF file"]
    kind, = struct.unpack_from("<H", elf, 16)
    offset, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    segments = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
    by_kind = {s[0]: s for s in segments}
    dynamic, strings = read_dynamic(elf, segments, by_kind.get(PT_DYNAMIC))

    complaints = []
    if kind != ET_DYN or not dynamic.get(DT_FLAGS_1, 0) & DF_1_PIE:
        complaints.append("not position-independent (PIE)")
    if PT_GNU_RELRO not in by_kind:
        complaints.append("no RELRO segment")
    if not (DT_BIND_NOW in dynamic or dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW
            or dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW):
        complaints.append("no BIND_NOW: function pointers stay writable")
    if PT_GNU_STACK not in by_kind or by_kind[PT_GNU_STACK][1] & PF_X:
        complaints.append("executable stack (no NX)")
    if any(s[0] == PT_LOAD and s[1] & PF_X and s[1] & PF_W for s in segments):
        complaints.append("a segment is writable and executable")
    if b"\0__stack_chk_fail\0" not in strings:
        complaints.append("no stack canary")
    if DT_RPATH in dynamic or DT_RUNPATH in dynamic:
        complaints.append("RPATH or RUNPATH: libraries are looked for where the build says")
    return complaints


def read_dynamic(elf, segments, dynamic):
    """The dynamic section as a dict (last entry of a tag wins) and its string table."""
    entries = {}
    if dynamic is None:
        return entries, b""
    for at in range(dynamic[2], dynamic[2] + dynamic[5], 16):
        tag, value = struct.unpack_from("<qQ", elf, at)
        if tag == 0:
            break
        entries[tag] = value
    address, length = entries.get(DT_STRTAB, 0), entries.get(DT_STRSZ, 0)
    for kind, _, offset, start, _, filesz, _, _ in segments:
        if kind == PT_LOAD and start <= address < start + filesz:
            begin = offset + address - start
            return entries, elf[begin:begin + length]
    return entries, b""


def self_test() -> int:
    """A file with nothing in it has every complaint; this interpreter, say, has few."""
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<H", header, 16, 2)  # ET_EXEC
    struct.pack_into("<Q", header, 32, 64)
    struct.pack_into("<HH", header, 54, 56, 1)
    stack = struct.pack("<IIQQQQQQ", PT_GNU_STACK, PF_X | PF_W, 0, 0, 0, 0, 0, 0)
    wx = struct.pack("<IIQQQQQQ", PT_LOAD, PF_X | PF_W, 0, 0, 0, 0, 0, 0)
    cases = [
        ("a text file", b"#!/bin/sh\n", 1),
        ("an executable stack and nothing else", bytes(header) + stack, 5),
        ("a writable code segment and no stack note", bytes(header) + wx, 6),
    ]
    failed = [name for name, elf, count in cases if len(missing(elf)) != count]
    for name in failed:
        print(f"hardening self-test: wrong number of complaints about {name}")
    return 1 if failed else 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    with open(sys.argv[1], "rb") as file:
        complaints = missing(file.read())
    for line in complaints:
        print(f"{sys.argv[1]}: {line}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
