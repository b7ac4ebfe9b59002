"""Reports of a run: live console, HTML page, Markdown summary. Each is a function of the events in the journal."""

from rollout.report.console import Console
from rollout.report.page import page
from rollout.report.pytest_html_head import panel
from rollout.report.summary import summary
from rollout.report.writer import append_step_summary, write_reports

__all__ = ["Console", "append_step_summary", "page", "panel", "summary", "write_reports"]
