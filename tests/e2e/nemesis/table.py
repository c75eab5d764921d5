"""Table: a run's figures, as they stand in the README."""

from http import HTTPStatus
from statistics import median

from tests.e2e.nemesis.run import Report


def table(report: Report) -> str:
    books, verdict = report.books, report.verdict
    refused = books.answers[HTTPStatus.SERVICE_UNAVAILABLE]
    lines = [
        f"seed {report.seed}, {report.versions}, {report.seconds:.0f} s",
        "",
        "| fault | times | recovered: median | worst |",
        "|---|---:|---:|---:|",
        *(
            f"| {kind} | {len(seconds)} | {median(seconds):.1f} s | {max(seconds):.1f} s |"
            for kind, seconds in sorted(report.injected.items())
        ),
        f"| all | {report.faults} | | |",
        "",
        "| | |",
        "|---|---:|",
        f"| webhooks posted, the repeated ones included | {books.posts} |",
        f"| acknowledged (200) | {books.acknowledgements} |",
        f"| refused for now (503) | {refused} |",
        f"| not answered (connection lost) | {books.answers[0]} |",
        f"| refused for good (400, 401) | {books.answers[400] + books.answers[401]} |",
        f"| slowest answer | {books.slowest:.1f} s |",
        f"| attempts applied | {verdict.applied} |",
        f"| of them not acknowledged: delivered after their 503, and sent again | {verdict.late} |",
        f"| duplicates absorbed | {verdict.duplicates} |",
        f"| dead letters, all meant to be | {verdict.dead_letters} |",
        f"| certificates whose newest balance is in the topics | {verdict.balances} |",
        f"| lost | {verdict.lost} |",
        f"| doubled | {verdict.doubled} |",
        f"| processes that ended by themselves | {sum(map(len, report.ended.values()))} |",
        "",
        *(f"ended by itself: {name}: {codes}" for name, codes in report.ended.items()),
        *report.wrong,
        *verdict.wrong,
        "PASSED" if report.passed else "FAILED",
    ]
    return "\n".join(lines)
