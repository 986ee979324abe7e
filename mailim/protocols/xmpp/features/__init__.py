"""One XEP, one file: what it advertises and which IQs it answers."""
