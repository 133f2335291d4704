# SPDX-License-Identifier: Apache-2.0
"""Work that conductors do again and again, without being asked.

A module here has one kind of work; ``conductor.service`` lists them all.
"""
