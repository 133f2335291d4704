# SPDX-License-Identifier: Apache-2.0
"""Tests. The runtime is chosen here as the programs choose it."""

from cloudmanager.common import runtime

runtime.choose()
