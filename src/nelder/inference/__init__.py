"""What a fit says about the coefficients behind it, and about rows it has not seen."""
