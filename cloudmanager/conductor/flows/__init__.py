# SPDX-License-Identifier: Apache-2.0
"""Recipes: which steps a task has, in which order."""
