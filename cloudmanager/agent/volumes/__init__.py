# SPDX-License-Identifier: Apache-2.0
"""Logical volumes of the node."""
