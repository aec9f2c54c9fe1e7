"""The command ``snntk``: one file for each command, text in `report`, the terminal in `render`."""
