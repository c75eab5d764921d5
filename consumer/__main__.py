"""Where giftledger starts."""

from consumer.common.interrupts import end_at_once


def main() -> None:
    """Load the commands, and run the one that is asked for."""
    end_at_once()
    from consumer.cli.commands import main as commands

    commands()


if __name__ == "__main__":
    main()
