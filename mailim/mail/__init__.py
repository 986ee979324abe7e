"""What happens to a mail: intake, queue, filters, routing, delivery."""
