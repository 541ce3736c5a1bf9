# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx for the project's pages: what of the kernel's own configuration they need."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

project = "p2pmem"
extensions = ["kerneldoc"]
root_doc = "index"
exclude_patterns = ["ABI"]
primary_domain = "c"
highlight_language = "none"
html_theme = "alabaster"
nitpicky = False
