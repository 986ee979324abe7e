"""Where every object is built and joined; `tap` and the command line begin here."""
