"""How fast spiking networks run: snntk's simulators, plain torch, and the peers that are installed.

    python benchmarks/engines.py [--quick] [--device cpu|cuda] [--threads N] [--json FILE] [NETWORK...]

See ``engines/__init__.py``, and ``--help`` for every option.
"""

from engines.command import main

if __name__ == "__main__":
    main()
