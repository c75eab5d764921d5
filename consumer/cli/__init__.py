"""Cli: the command line. A command says its options and calls its room, which does the work."""
