"""Fits on paper: text and HTML."""
