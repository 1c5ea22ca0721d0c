"""``python -m geartrain``: the command line."""

from geartrain.cli.main import main

main()
