"""What was found on this bench, as one self-contained HTML page and as Markdown; on request with what a lead signs."""

from workbench.report.content import Ground, sections
from workbench.report.pages import html, markdown
from workbench.report.signing import signed
from workbench.report.writing import write

__all__ = ["Ground", "html", "markdown", "sections", "signed", "write"]
