# SPDX-License-Identifier: Apache-2.0
"""Runs a soak: ``tox -e soak``."""

import contextlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

from cloudmanager.tests.soak import plans
from cloudmanager.tests.soak import report
from cloudmanager.tests.soak import rounds
from cloudmanager.tests.soak import scene as soak_scene

PREFIX = 'CLOUDMANAGER_SOAK_'
LARGEST_SEED = 10 ** 9
# As many rounds in a row that cannot begin are no chance any more.
MOST_NOT_BEGUN = 5


def _setting(name: str, default: float) -> float:
    return float(os.environ.get(PREFIX + name) or default)


def _directory() -> contextlib.AbstractContextManager[str]:
    """Return where logs and BMCs are; one that was named is kept."""
    name = os.environ.get(PREFIX + 'DIRECTORY')
    if not name:
        return tempfile.TemporaryDirectory(prefix='cm-soak-')
    pathlib.Path(name).mkdir(parents=True)
    return contextlib.nullcontext(name)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _soak(scene: soak_scene.Scene, figures: report.Figures,
          deadline: float) -> None:
    wanted = _setting('DISTURBANCES', 1000)
    flow = os.environ.get(PREFIX + 'FLOW') or None
    seed = int(_setting('SEED', time.time_ns() % LARGEST_SEED))
    single = os.environ.get(PREFIX + 'ROUND')
    rng = random.Random(seed)
    print(f'seed {seed}', flush=True)
    number = failures = 0
    while figures.disturbances < wanted and time.monotonic() < deadline:
        number += 1
        plan = plans.plan(int(single or rng.randrange(LARGEST_SEED)), flow)
        result = rounds.Round(scene, plan).run()
        figures.add(result)
        print(report.round_text(number, result), flush=True)
        failures = 0 if result.begun else failures + 1
        if single or failures == MOST_NOT_BEGUN:
            return


def main() -> int:
    """Run rounds until enough was disturbed; return the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    begun = time.monotonic()
    figures = report.Figures()
    with _directory() as name:
        scene = soak_scene.Scene(pathlib.Path(name))
        try:
            _soak(scene, figures, begun + _setting('SECONDS', 2 * 3600))
        except KeyboardInterrupt:
            print('ended from outside')
        finally:
            scene.close()
    print(figures.text())
    print(f'{time.monotonic() - begun:.0f} s')
    return 1 if figures.faulty or not figures.disturbances else 0


if __name__ == '__main__':
    sys.exit(main())
