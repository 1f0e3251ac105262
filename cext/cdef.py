"""Make a cffi declaration of a public C header: drop its preprocessor lines, keep the rest."""

import sys
from pathlib import Path


def main(header: str, output: str) -> None:
    """Write the declarations of *header* to *output*; the header must need no macro expansion."""
    lines = Path(header).read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if not line.startswith("#"))
    Path(output).write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
