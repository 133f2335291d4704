# SPDX-License-Identifier: Apache-2.0
"""Switching the power of nodes, and reading it."""
