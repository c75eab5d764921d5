"""The command line: the only place where the rooms are put together."""

import click

from consumer.cli import books, close, dead_letters, deploy, sender, services, traffic


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="giftledger")
def main() -> None:
    """Turn gift-certificate webhooks into balances that a finance team can sign.

    Settings come from the environment; README.md lists them. Exit status: 0 done, 1 failed, 2 usage, 130 after Ctrl-C.
    """


for command in (
    services.ingress,
    services.worker,
    services.balances,
    deploy.migrate,
    deploy.topics,
    deploy.check,
    dead_letters.dead_letters,
    books.verify,
    books.rebuild,
    books.exceptions,
    books.prune,
    close.close,
    sender.reconcile,
    sender.undelivered,
    traffic.simulate,
):
    main.add_command(command)
