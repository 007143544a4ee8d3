"""``python -m scratchdae`` is the command ``scratchdae``."""

from scratchdae.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
