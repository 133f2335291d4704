# SPDX-License-Identifier: Apache-2.0
"""Hypervisors and hosts by SSH."""
