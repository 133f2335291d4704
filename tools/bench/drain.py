#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drain a host beside a bare script that fires the same live migrations.

Run it in an environment that has CloudManager and its test requirements; it
starts tools/minicloud if need be. Target: at most 1.15 times the bare
script.
"""

import argparse

import bed

from cloudmanager.tests.integration import cloud


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--servers', type=int, default=20)
    parser.add_argument('--limit', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=1)
    options = parser.parse_args()
    cloud.start()
    here = cloud.Cloud()
    bare = bed.Bare(here, options.limit)
    ours, ideal = [], []
    with bed.service(options.limit) as client:
        for _ in range(options.rounds):
            servers = bed.fresh(here, options.servers)
            ideal.append(bare.run(bed.spread(servers), bare.live_migrate))
            bed.fresh(here, options.servers)
            ours.append(bed.follow(
                client, f'/v1/hosts/{bed.SOURCE}/actions/shutdown'))
        here.restore_hosts()
        here.clear()
    bed.report('drain', options.servers, options.limit, ours, ideal)


if __name__ == '__main__':
    main()
