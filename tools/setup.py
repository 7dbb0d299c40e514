# Entered with whatever Python there is, so it must parse in an old one to say what is wrong.
"""Makes the machine ready: `python tools/setup.py [environment ...]`, by default `dev`."""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "Python %d.%d is too old: install Python 3.11 or newer and run `make PYTHON=/path/to/python3 ...`."
        % sys.version_info[:2]
    )

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tools import environments, terraform  # noqa: E402
from tools.problems import Problem  # noqa: E402


def main(names):
    # type: (list[str]) -> int
    try:
        terraform.require()
        for name in names or ["dev"]:
            environments.ready(name)
        terraform.configured()
    except Problem as problem:
        sys.stderr.write("cf_purge: %s\n" % problem)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
