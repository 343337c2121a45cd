"""The SQL tables of: cases: alerts gathered, timeline, attachments, dispositions, appeals."""
