"""The central record of IM transactions: leaves, checkpoints, search, export, verification, text logs."""
