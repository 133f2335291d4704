# SPDX-License-Identifier: Apache-2.0
"""Boot files of nodes in the directory of PXELINUX.

The database says what the files must be; here they are made so.
"""
