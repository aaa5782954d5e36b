"""Fits against each other: analysis of deviance, terms dropped and added, stepwise selection."""
