"""Make a cffi declaration of a public C header and of our headers that it includes.

Preprocessor lines are dropped, the rest is kept as it is.
"""

import re
import sys
from pathlib import Path

_INCLUDE = re.compile(r'#include "(.+)"')


def declarations(header: Path, seen: set[Path]) -> list[str]:
    """Lines of *header*, each included header of ours once and in its place."""
    seen.add(header)
    kept: list[str] = []
    for line in header.read_text(encoding="utf-8").splitlines():
        if (ours := _INCLUDE.match(line)) and (inner := header.parent / ours[1]) not in seen:
            kept += declarations(inner, seen)
        elif not line.startswith("#"):
            kept.append(line)
    return kept


def main(header: str, output: str) -> None:
    """Write the declarations of *header* to *output*; the headers must need no macro expansion."""
    text = "\n".join(declarations(Path(header), set()))
    Path(output).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
