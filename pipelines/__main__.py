"""`python -m pipelines` is the command `fairshard`."""

from pipelines.cli import run

if __name__ == "__main__":
    run()
