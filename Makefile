# The commands of the project. `make deploy` and `make test` do the whole set-up themselves, if it is not done yet.
# ARGS goes to pytest: make deploy ARGS="--source=mirror:http://localhost:4100 --port=4002". `pytest --help` lists flags.

ARGS ?=
PYTHON ?= python3
RUN := @$(PYTHON) -E bootstrap.py
# The suite's own tests run in parallel, because many of them wait (tests/conftest.py).
SPREAD := --numprocesses=3 --durations=30 --durations-min=20
# The deployment that app/ is completed from.
TREE := xavos_source_tree

.DEFAULT_GOAL := help
.PHONY: help deploy test check app app-run campaign bench bundle status undeploy clean-cache doctor report docs pictures lock

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

deploy: ## deploy XAVOS, phase by phase; stays up unless CI is set
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) pytest $(ARGS)

test: ## the suite's own tests: style, types, imports, units, rehearsal end to end
	$(RUN) ruff check .
	$(RUN) mypy xavos_rollout rollout suite fixtures deploy_tests docgen tests conftest.py
	$(RUN) lint-imports
	$(RUN) rollout.cli.setup $(ARGS) || { $(PYTHON) -E bootstrap.py pytest tests/unit; exit 2; }
	$(RUN) pytest tests $(SPREAD) $(ARGS)

app: ## complete app/ in place: a Mix project that compiles and runs its tests there; ARGS as for deploy
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) pytest --path=realistic --through=migrations --keep=on-success --name=$(TREE) --port=4009 $(ARGS)
	$(RUN) rollout.cli.source_tree fill $(TREE)
	$(RUN) rollout.cli.source_tree run mix ash.codegen second_release
	$(RUN) rollout undeploy $(TREE)

app-run: ## run a command in the completed app/: make app-run ARGS="mix test"
	$(RUN) rollout.cli.source_tree run $(ARGS)

campaign: ## measure: trials of every path under faults; ARGS="--source=rehearsal --minutes=20"
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) pytest --campaign $(ARGS)

bench: ## overhead, look-up and second run, measured; writes reports/bench.json
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) rollout.bench $(ARGS)

bundle: ## deploy, and record everything that was fetched into the bundle that --source=auto finds
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) pytest --record-bundle=default $(ARGS)

status: ## what is deployed
	$(RUN) rollout status

undeploy: ## remove the deployment; ARGS names it if there are several
	$(RUN) rollout undeploy $(ARGS)

clean-cache: ## empty checkpoints and the gateway's cache
	$(RUN) rollout clean-cache

doctor: ## what a run needs, found or missing, and how to fix it
	$(RUN) pytest --doctor $(ARGS)

report: ## make the reports of the newest run again, from its journal
	$(RUN) rollout.report $(or $(ARGS),reports/latest)

docs: ## bring the generated tables up to date, and build the documentation into build/docs
	$(RUN) docgen
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -E bootstrap.py mkdocs build --strict
	@echo "build/docs/index.html"

pictures: ## make the screenshots in docs/ from real runs; needs Chromium
	$(RUN) rollout.cli.setup $(ARGS)
	$(RUN) docgen.pictures $(ARGS)

lock: ## resolve pyproject.toml into requirements.lock (needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --all-extras --no-emit-index-url --no-header \
	    --quiet --output-file requirements.lock pyproject.toml
