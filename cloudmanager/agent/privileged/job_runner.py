# SPDX-License-Identifier: Apache-2.0
"""The process of a job: runs programs, stores their output and the outcome.

It is called with the directory of the job and a list of commands in JSON. It
imports none of our modules, so that these can be replaced while it runs.
"""

import json
import os
import subprocess
import sys


def _outcome(directory: str, code: int) -> None:
    """Write the outcome as a whole, after all of the output."""
    temporary = os.path.join(directory, '.outcome.new')
    with open(temporary, 'w', encoding='ascii') as stream:
        json.dump({'code': code}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, os.path.join(directory, 'outcome'))


def main() -> int:
    """Run commands one after the other, until one of them fails."""
    directory, commands = sys.argv[1], json.loads(sys.argv[2])
    code = 0
    with open(os.path.join(directory, 'output'), 'ab') as output:
        for words in commands:
            output.write(f'$ {" ".join(words)}\n'.encode())
            output.flush()
            try:
                # A list that has no input from outside in it.
                code = subprocess.run(  # noqa: S603
                    words, stdin=subprocess.DEVNULL, stdout=output,
                    stderr=subprocess.STDOUT, check=False).returncode
            except OSError as exc:
                output.write(f'{words[0]}: {exc.strerror}\n'.encode())
                code = 127
            if code:
                break
        output.flush()
        os.fsync(output.fileno())
    _outcome(directory, code)
    return code


if __name__ == '__main__':
    sys.exit(main())
