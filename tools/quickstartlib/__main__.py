# SPDX-License-Identifier: Apache-2.0
"""The demonstration: with a cloud, or of the service alone."""

import argparse
import os
from pathlib import Path
import sys
import time
import warnings

warnings.filterwarnings('ignore')

from quickstartlib import interrupts  # noqa: E402  warnings come first
from quickstartlib import with_cloud  # noqa: E402
from quickstartlib import without_cloud  # noqa: E402
from quickstartlib.console import note  # noqa: E402
from quickstartlib.console import QuickstartError  # noqa: E402
from quickstartlib.console import say  # noqa: E402
from quickstartlib.service import Service  # noqa: E402
from quickstartlib.session import PROGRAM  # noqa: E402

# What a shell answers for a program that Ctrl-C has ended.
INTERRUPTED = 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='tools/quickstart.sh')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--no-cloud', action='store_true')
    parser.add_argument('--stop', action='store_true')
    return parser.parse_args()


def _how_to_reach(service: Service, directory: Path, cloud: bool) -> None:
    say('everything is left running')
    if cloud:
        note('cloud: eval "$(tools/minicloud env)"')
    else:
        note(f'API:   export OS_AUTH_TYPE=none OS_ENDPOINT={service.url}')
    note(f'try:   {PROGRAM} cloudmanager node list')
    note(f'log:   {service.log}')
    if cloud:
        note(f'BMCs:  tools/ipmisim status --dir {directory / "bmcs"}')
        note(f'agents: {directory / "agents"}, a directory each')
    note('end:   tools/quickstart.sh --stop')


def main() -> int:
    """Run; 0 only if everything went as it should."""
    options = _arguments()
    interrupts.heed()
    directory = Path(os.environ['QUICKSTART_DIR']).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    service = (Service(directory) if options.no_cloud
               else Service(directory, with_cloud.ADDRESS))
    service.stop()
    demonstration = with_cloud.Demonstration(service, directory)
    if options.stop:
        demonstration.stop()
        return 0
    well = interrupted = False
    try:
        well = (without_cloud.run(service) if options.no_cloud
                else demonstration.run())
    except (QuickstartError, OSError) as exc:
        print(f'quickstart: {exc}', file=sys.stderr)
    except KeyboardInterrupt:
        interrupted = True
    interrupts.ignore()
    if options.keep and not interrupted:
        _how_to_reach(service, directory, not options.no_cloud)
    else:
        say('stopping what was started')
        service.stop()
        if not options.no_cloud:
            demonstration.stop()
    outcome = ('done' if well else 'interrupted' if interrupted
               else 'FAILED')
    say(f'{outcome} after {time.monotonic() - begun:.0f} s')
    return 0 if well else INTERRUPTED if interrupted else 1


if __name__ == '__main__':
    sys.exit(main())
