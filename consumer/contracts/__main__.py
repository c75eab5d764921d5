"""`python -m consumer.contracts` writes the contract files; with `--check` it only says whether they are current."""

import argparse
import sys

from consumer.contracts import FOLDER, documents, outdated


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m consumer.contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    only_check = parser.parse_args().check
    names = outdated()
    if only_check and names:
        sys.exit(f"Not current: {', '.join(names)}. Run: python -m consumer.contracts")
    for name in names:
        path, text = FOLDER / name, documents().get(name)
        path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(documents())} contract files are current, {len(names)} of them written now.\n")


if __name__ == "__main__":
    main()
