"""What is said of energy and cost, as cells for a page or a terminal."""

from workbench.export.judged import Told
from workbench.results import Energy
from workbench.words import text
from workbench.words.format import measured, number, quantity, seconds


def energy(found: Energy) -> Told:
    """A line for each number, with its interval; what is worth knowing under it."""
    rows = [(text("energy.row.speed"), measured(found.tokens_per_s, found.ci95.get("tokens_per_s"), "tok/s"))]
    if found.source is None:
        rows.append((text("energy.row.joules"), text("energy.not_measured", why=str(found.missing))))
    else:
        rows += [
            (text(f"energy.row.{row}"), measured(getattr(found, metric), found.ci95.get(metric), unit))
            for row, metric, unit in (
                ("joules", "joules_per_token", "J"),
                ("net", "net_joules_per_token", "J"),
                ("per_joule", "tokens_per_joule", "tok/J"),
                ("power", "power_w", "W"),
            )
        ]
        idle = text("energy.row.idle_value", power=quantity(found.idle_w, "W"), seconds=seconds(found.idle_seconds))
        rows.append((text("energy.row.idle"), idle))
        rows.append((text("energy.row.source"), text(f"energy.source.{found.source}", covers=found.covers)))
    if found.cost_per_million is not None and found.price_per_hour is not None:
        price = text("energy.row.cost", price=number(found.price_per_hour))
        rows.append((price, measured(found.cost_per_million, found.ci95.get("cost_per_million"), "")))
    taken = sum(window.seconds for window in found.windows) / len(found.windows)
    requests = sum(window.requests for window in found.windows)
    windows = text("energy.row.windows_value", windows=len(found.windows), seconds=seconds(taken), requests=requests)
    rows.append((text("energy.row.windows"), windows))
    return Told(("",), tuple(rows), tuple(map(str, found.flags)))
