"""Every seam of the house, one file each, with its value types."""
