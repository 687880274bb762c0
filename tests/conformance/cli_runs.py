"""A program that runs TensorFlow's `saved_model_cli` for each list of arguments in a JSON file.

The same as running the command that often, but TensorFlow is imported once.
"""

import json
import sys

from tensorflow.python.tools import saved_model_cli


def main(runs_path: str) -> None:
    with open(runs_path) as file:
        runs = json.load(file)
    for arguments in runs:
        sys.argv = ["saved_model_cli", *arguments]
        try:
            saved_model_cli.main()
        except SystemExit as ended:
            if ended.code:
                raise


if __name__ == "__main__":
    main(*sys.argv[1:])
