"""mailim: mail and instant messaging for a small office, in one twistd process."""
