# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'CloudManager Release Notes'
copyright = 'CloudManager contributors'
master_doc = 'index'
version = ''
release = ''
pygments_style = 'native'

html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = 'cloudmanager'
openstackdocs_use_storyboard = False
