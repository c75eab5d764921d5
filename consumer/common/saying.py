"""Saying: what commands print. Ids, names and reasons are others' to choose, and none is a command to a terminal."""

import click


def harmless(line: str) -> str:
    """Give a line without what a terminal would obey: what ends it, moves the cursor, or turns the order of letters."""
    return "".join(character if character.isprintable() else "?" for character in line)


def escaped(text: str) -> str:
    """Give lines as they are, with what else a terminal would obey spelt out."""
    return "".join(
        character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()
        for character in text
    )


def say(line: str, *, err: bool = False) -> None:
    """Print one line."""
    click.echo(harmless(line), err=err)
