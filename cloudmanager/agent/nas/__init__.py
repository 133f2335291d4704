# SPDX-License-Identifier: Apache-2.0
"""Targets of storages: found, and attached to the node."""
