# SPDX-License-Identifier: Apache-2.0
"""Logical volumes behind the volumes of Cinder."""
