"""Means at new rows with their errors, and intervals for new observations."""
