"""`python -m deploy.local.demo`: a signed webhook becomes a balance in a report, on this machine, right now.

Starts everything, plays the sender, waits until all of it is applied, shows the reports, and compares every balance, in
the reports and in the topics of balances, with what the simulator knows. Exit 0 only if all agree, 130 after Ctrl-C.
With `--stay` it says how to use what is running, and waits for Ctrl-C, which is the way to end it: exit 0.
"""

import argparse
import signal
import sys

from consumer.common.interrupts import end_at_once


def main() -> None:
    arguments = _arguments()
    end_at_once()
    from consumer.traffic.simulate import SimulationError
    from deploy.local.demo.reports import terminal
    from deploy.local.demo.run import demo, stay
    from deploy.local.processes import StackError

    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell has it ignored
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        agrees = (stay if arguments.stay else demo)(terminal(), arguments.count, arguments.seed)
    except KeyboardInterrupt:
        sys.exit(130)
    except (StackError, SimulationError, OSError) as error:  # OSError: what we talk to is gone
        sys.exit(f"error: {error}")
    sys.exit(0 if agrees else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description=__doc__)
    parser.add_argument("--stay", action="store_true", help="start everything and wait for Ctrl-C")
    parser.add_argument("--count", type=int, default=3_000, help="simulated webhooks (default: 3000)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulation (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
