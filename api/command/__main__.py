"""`python -m api.command`: the same as the `tocsin` command."""

from api.command import main

main()
