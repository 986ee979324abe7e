"""Receiving mail: SMTP from other servers, submission from the people who have accounts."""
