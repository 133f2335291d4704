# SPDX-License-Identifier: Apache-2.0
"""Programs. The runtime is chosen here, before anything else is imported."""

from cloudmanager.common import runtime

runtime.choose()
