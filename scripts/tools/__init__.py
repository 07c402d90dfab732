"""Tools of whoever works on the project itself; the product never needs them.

environment   .venv, made when it is absent or out of date: each script without an ending needs it
checking      `scripts/check`     testing  `scripts/test`     chromium  the browser for it
architecture  the picture of docs/design.md      settings_page  docs/settings.md
page_weight   what pages weigh on a phone's line
"""
