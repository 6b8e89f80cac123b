.PHONY: demo docs validation test test-slow lint bench shapes clean
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

$(STAMP): pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)          ## the main job: train, compress, simulate, report -> out/demo
	$(VENV)/bin/accelsim demo --out out/demo

docs: demo              ## the README's figure, from a fresh demo
	mkdir -p docs/figures
	cp out/demo/figures/cycles.png docs/figures/

test: $(STAMP) lint     ## everything but the tests marked slow
	$(PY) -m pytest -n 2 --dist loadgroup

test-slow: $(STAMP)
	$(PY) -m pytest -m slow

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(STAMP)         ## speed as ratios to a naive reference, in one run
	$(PY) -m benchmarks

shapes: $(STAMP)        ## the zoo's layer shapes from its torch models -> workloads/shapes/*.json
	$(PY) -m workloads.shapes

validation: $(STAMP)    ## docs/validation.md: every reference row beside ours
	$(PY) -m tests.validation

clean:
	rm -rf $(VENV) out build *.egg-info
