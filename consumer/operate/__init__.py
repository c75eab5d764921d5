"""Operate: the commands that an operator runs now and then. Nothing that runs all the time is here."""
