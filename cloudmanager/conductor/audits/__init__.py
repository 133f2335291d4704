# SPDX-License-Identifier: Apache-2.0
"""How the load of host aggregates is audited and balanced."""
