# SPDX-License-Identifier: Apache-2.0
"""Auditing and balancing the load of host aggregates."""
