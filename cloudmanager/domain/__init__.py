# SPDX-License-Identifier: Apache-2.0
"""The concepts of the field, without HTTP, SQL or devices."""
