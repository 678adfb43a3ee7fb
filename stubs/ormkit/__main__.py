"""`python -m ormkit`"""

from ormkit import cli

if __name__ == "__main__":
    cli.entry()
