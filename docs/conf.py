"""Sphinx settings: ``sphinx-build -W -b html docs docs/_build``."""

project = "snntk"
author = "The snntk authors"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "snntk"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
