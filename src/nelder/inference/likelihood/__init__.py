"""Tests and intervals read off the likelihood itself: ratio, profile and score."""
