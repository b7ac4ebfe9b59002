"""Reports of a campaign: report.html, summary.md and campaign.json."""
