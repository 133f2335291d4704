# SPDX-License-Identifier: Apache-2.0
"""Drivers, which read and set the modes of a node with its own tools."""
