# SPDX-License-Identifier: Apache-2.0
"""Periodic work of conductors.

Each module has one kind of work; ``conductor.service`` lists them all.
"""
