"""What is asked about the coefficients in words: linear hypotheses, and any function by the delta method."""
