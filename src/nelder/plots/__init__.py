"""Pictures, one function each; Matplotlib is imported here only."""
