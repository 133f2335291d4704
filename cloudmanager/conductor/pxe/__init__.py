# SPDX-License-Identifier: Apache-2.0
"""Boot files of nodes in the directory of PXELINUX.

The database says what the files must contain; these modules write them.
"""
