"""Interrupts: what Ctrl-C does until there is anything to clean up, and then.

An exception while modules are loaded would show as a traceback, or be lost: what is written in C may pass over it.
"""

import signal


def end_at_once() -> None:
    """Let Ctrl-C end the process without a word; where it is ignored, it still is."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_in_order() -> None:
    """Let it raise KeyboardInterrupt again, so that what was begun is cleaned up."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
