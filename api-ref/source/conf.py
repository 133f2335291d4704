# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

extensions = [
    'openstackdocstheme',
    'os_api_ref',
]

project = 'CloudManager API Reference'
copyright = 'CloudManager contributors'
master_doc = 'index'
version = ''
release = ''
pygments_style = 'native'

html_theme = 'openstackdocs'
html_theme_options = {'sidebar_mode': 'toc'}
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_repo_name = 'cloudmanager'
openstackdocs_use_storyboard = False
