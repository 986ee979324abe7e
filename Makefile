# make run         set up everything and serve https://localhost:10443/
# make test        set up everything and pass every test
# make demo-pop3   a Dovecot with sample mail to collect (needs Debian's dovecot-pop3d)
# make format      put the code in order
# make clean       remove what was built (never site/)

PYTHON ?= python3
BIN := .venv/bin
SITE := site

.PHONY: run test setup webclient lint types webclient-check trial demo-pop3 format clean

run: setup webclient $(SITE)/etc/mailim.toml
	@echo
	@echo "  webmail   https://localhost:10443/   (a self-signed certificate: your browser will ask)"
	@echo "  accounts  $(SITE)/accounts.txt"
	@echo "  XMPP      localhost:15222 (STARTTLS), localhost:15223 (TLS)"
	@echo
	@exec $(BIN)/twistd -n --pidfile= mailim --config $(SITE)/etc/mailim.toml

$(SITE)/etc/mailim.toml: | setup
	$(BIN)/mailim init $(SITE) --domain example.test --port-base 10000 --listen 127.0.0.1 \
	    --accounts admin,alice,bob

demo-pop3: setup
	$(BIN)/python -m tests.fakes.dovecot

setup: .venv/.installed

.venv/.installed: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e '.[dev]'
	@touch $@

webclient: setup
	@$(BIN)/python webclient/build.py

test: setup webclient lint types webclient-check trial

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

webclient-check:
	$(BIN)/python webclient/build.py check

trial:
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m twisted.trial -j2 --temp-directory=_trial_temp tests
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --skip-covered --show-missing --sort=cover | tail -60

format:
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info mailim/webmail/static webclient/node_modules _trial_temp*
