"""One parser under atheris: `python -m tests.fuzz.guided PARSER [option of libFuzzer ...] CORPUS`"""

import sys

import atheris

with atheris.instrument_imports(include=["pymail", "pysvc"]):
    from tests.fuzz.parsers import PARSERS
from tests.fuzz.__main__ import blocks_of


def main() -> None:
    name, *options = sys.argv[1:]
    parser = PARSERS[name]
    atheris.Setup([sys.argv[0], *options], lambda data: parser.try_on(blocks_of(data)))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
