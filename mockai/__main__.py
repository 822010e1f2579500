"""`python -m mockai`: the command line by another door."""

from mockai.cli import main

raise SystemExit(main())
