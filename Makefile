.PHONY: demo study figures bench-compress fig7 docs-compression validation test test-slow lint bench shapes clean
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

$(STAMP): pyproject.toml constraints.txt
	test -x $(PY) || python3 -m venv $(VENV)
	$(PY) -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

demo: $(STAMP)          ## the main job: train, compress, simulate, report -> out/demo
	$(VENV)/bin/accelsim demo --out out/demo

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

docs-compression: $(STAMP)  ## docs/compression.md: every method with its settings, from the docstrings
	$(PY) -m compress.documentation docs/compression.md

bench-compress: $(STAMP)  ## LeNet-5's targets over 3 seeds beside the papers', the shipped checkpoints: an hour on 2 cores
	$(PY) -m explore.studies.bench_compress --out out/bench-compress --pack workloads/data/checkpoints
	mkdir -p docs
	cp out/bench-compress/lenet5-targets.md out/bench-compress/lenet5-targets.csv docs/

fig7: $(STAMP)          ## docs/accuracy-rate.md: accuracy against pruning rate, seven ways, one seed: half an hour on 2 cores
	$(PY) -m explore.studies.accuracy_rate --out out/fig7
	mkdir -p docs/figures
	cp out/fig7/accuracy-rate.md docs/
	cp out/fig7/accuracy_rate.csv docs/
	cp out/fig7/figures/accuracy_rate.png docs/figures/

study: $(STAMP)         ## docs/ppr.md and its figures: the PPR that hardware reaches, ten minutes on 2 cores
	$(VENV)/bin/accelsim study ppr --out out/study-ppr
	mkdir -p docs/figures
	cp out/study-ppr/ppr.md docs/
	cp out/study-ppr/figures/ppr_*.png docs/figures/

figures: $(STAMP)       ## every figure that ships, of LeNet-5 at a column's width -> out/figures
	$(PY) examples/figures.py out/figures

validation: $(STAMP)    ## docs/validation.md: every reference row beside ours
	$(PY) -m tests.validation

clean:
	rm -rf $(VENV) out build *.egg-info
