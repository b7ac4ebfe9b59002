"""Journal → reports. Every report is a function of the events, so it can be drawn again at any time."""

from rollout.report.console import Console
from rollout.report.files import append_step_summary, write_reports
from rollout.report.page import page
from rollout.report.panel import panel
from rollout.report.summary import summary

__all__ = ["Console", "append_step_summary", "page", "panel", "summary", "write_reports"]
