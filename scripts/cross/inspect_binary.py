"""Prints what a binary (ELF or Mach-O) holds, as JSON: what scripts/cross/check.mjs judges."""

import hashlib
import json
import re
import struct
import sys

import lief

CODE_DIRECTORY = 0xFADE0C02


def newest(versions):
    """The newest of versions such as 2.17, as text."""
    return max(versions, key=lambda version: [int(part) for part in version.split(".")], default=None)


def elf(binary):
    required = [
        (library.name, version.name)
        for library in binary.symbols_version_requirement
        for version in library.get_auxiliary_symbols()
    ]
    glibc = [name.removeprefix("GLIBC_") for _, name in required if re.fullmatch(r"GLIBC_[\d.]+", name)]
    return {
        "format": "ELF",
        "architecture": binary.header.machine_type.name.lower(),
        "libraries": list(binary.libraries),
        "exports": sorted(symbol.name for symbol in binary.exported_symbols),
        "stripped": not any(
            section.type == lief.ELF.Section.TYPE.SYMTAB or section.name.startswith(".debug")
            for section in binary.sections
        ),
        "glibc": newest(glibc),
        "otherVersions": sorted({name for _, name in required if not name.startswith("GLIBC_")}),
    }


def signature(binary, content):
    """`valid` where the hashes of all pages are those of the file, else what is wrong."""
    if not binary.has_code_signature:
        return "none"
    start = binary.code_signature.data_offset
    _, _, count = struct.unpack_from(">III", content, start)
    for index in range(count):
        _, offset = struct.unpack_from(">II", content, start + 12 + 8 * index)
        directory = start + offset
        (magic,) = struct.unpack_from(">I", content, directory)
        if magic != CODE_DIRECTORY:
            continue
        hashes, _, _, slots, limit = struct.unpack_from(">IIIII", content, directory + 16)
        size, _, _, page_bits = struct.unpack_from(">BBBB", content, directory + 36)
        page = 1 << page_bits
        for slot in range(slots):
            end = min((slot + 1) * page, limit)
            found = hashlib.sha256(content[slot * page : end]).digest()[:size]
            at = directory + hashes + slot * size
            if content[at : at + size] != found:
                return f"wrong hash of page {slot}"
        return "valid"
    return "no code directory"


def macho(binary, content):
    minimum = binary.build_version.minos if binary.has_build_version else binary.version_min.version
    local = [
        symbol.name
        for symbol in binary.symbols
        if symbol.category == lief.MachO.Symbol.CATEGORY.LOCAL
    ]
    return {
        "format": "Mach-O",
        "architecture": binary.header.cpu_type.name.lower(),
        "libraries": [library.name for library in binary.libraries if library.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB],
        "exports": sorted(symbol.name.removeprefix("_") for symbol in binary.exported_symbols),
        "stripped": not local,
        "minimumSystem": ".".join(str(part) for part in minimum[:2]),
        "signature": signature(binary, content),
    }


def main(path):
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] == b"\x7fELF":
        report = elf(lief.ELF.parse(path))
    else:
        report = macho(lief.MachO.parse(path).at(0), content)
    print(json.dumps({"size": len(content), **report}))


if __name__ == "__main__":
    main(sys.argv[1])
