"""Effects on the scale of the reader: predictions, slopes and comparisons averaged over rows, and means over a grid."""
