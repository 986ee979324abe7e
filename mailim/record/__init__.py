"""The central record of IM: leaves, checkpoints, search, export, verification, text logs."""
