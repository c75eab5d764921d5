"""The page of a pack: one file that any browser shows and prints, with nothing from elsewhere in it."""

from html import escape
from typing import Any

from consumer.close.pack.drawings import bars, bridge
from consumer.close.pack.tables import Pack, Table, signed_lines
from consumer.common.saying import harmless

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;color:#1c2733;margin:2rem auto;max-width:78rem;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid #ccd3da;padding-bottom:.2rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:12px}
th,td{padding:.25rem .5rem;text-align:left;border-bottom:1px solid #e4e8ec;vertical-align:top}
th{background:#f3f5f7;vertical-align:bottom}td.amount{font-variant-numeric:tabular-nums;white-space:nowrap}
.amount{text-align:right}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}
dt{color:#5a6b7b}dd{margin:0;overflow-wrap:anywhere}
figure{margin:1rem 0}figcaption{color:#5a6b7b}svg{width:100%;height:auto}.none{color:#5a6b7b}
@page{size:A4 landscape;margin:12mm}
@media print{body{margin:0;max-width:none}.wide{overflow:visible}table{font-size:9px}h2{break-after:avoid}
tr,figure{break-inside:avoid}}
"""


def html(pack: Pack) -> str:
    """Write the page."""
    said = pack.said
    facts = {
        "Prepared": f"{said['prepared']['by']}, {said['prepared']['at']}",
        "Closed": f"{said['cut']['by']}, {said['cut']['at']}",
        "Signed": "; ".join(signed_lines(pack)),
        "Certificates with something left": f"{said['certificates']['rows']:,}",
        "Root of their tree (RFC 6962)": said["certificates"]["root"],
        "Manifest (SHA-256)": pack.sha256,
        "Manifest of the month before": said["previous"] or "none: the first close",
        "Lines of the journal up to": said["cut"]["last_line"],
        "Reporting time zone": said["settings"]["reporting_time_zone"],
        "Versions": ", ".join(f"{name} {version}" for name, version in said["versions"].items()),
    }
    listed = "".join(f"<dt>{_text(name)}</dt><dd>{_text(text)}</dd>" for name, text in facts.items())
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(pack.title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{_text(pack.title)}</h1><dl>{listed}</dl>{_drawings(pack)}{''.join(map(_table, pack.tables))}"
        "</body></html>\n"
    )


def _text(text: str) -> str:
    """Write what others have written as text, and as nothing else."""
    return escape(harmless(text))


def _drawings(pack: Pack) -> str:
    """Draw each currency by itself: currencies are never added up."""
    drawn = []
    for total in pack.said["totals"]:
        currency = total["currency"]
        trend = [(str(month), closing) for month, of, closing in pack.trend.rows if of == currency]
        ages = [(str(age), outstanding) for of, age, outstanding, _ in pack.aging.rows if of == currency]
        drawn.append(f"<h2>{_text(currency)}</h2>{bridge(currency, total)}")
        drawn.append(bars(f"Outstanding at the end of twelve months, {currency}", trend))
        drawn.append(bars(f"Outstanding by age, {currency}", ages) if ages else "")
    return "".join(drawn)


def _table(table: Table) -> str:
    head = "".join(
        f"<th{' class=amount' if name in table.amounts else ''}>{_text(name.replace('_', ' '))}</th>"
        for name in table.columns
    )
    rows = "".join(f"<tr>{''.join(map(_cell, table.columns, row, [table] * len(row)))}</tr>" for row in table.rows)
    shown = f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    return f"<h2>{_text(table.title)}</h2>{shown if table.rows else '<p class=none>None.</p>'}"


def _cell(name: str, value: Any, table: Table) -> str:
    text = "" if value is None else str(value)
    return f"<td{' class=amount' if name in table.amounts else ''}>{_text(text)}</td>"
