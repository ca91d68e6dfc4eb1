"""`python -m streamer`, and the `vivant` script."""

import sys


def main() -> int:
    """Run the command line; the exit code."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 12):
        mine = ".".join(str(part) for part in sys.version_info[:2])
        sys.stderr.write(
            f"vivant: Python {mine} cannot run this: mediapipe, which finds the face, is made for"
            " 3.11 and 3.12; install one of them and use it for a new virtual environment\n"
        )
        return 1
    from streamer.cli import main as run  # noqa: PLC0415  (may not even parse before 3.11)

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
