"""What runs: one module a DVC stage (`python -m stages.track --clip NAME`), and the settings tree."""

import os

# Read once, when numpy is loaded. A stage's matrices are small: OpenBLAS's second thread waits for work by spinning,
# which on a busy machine triples a stage's time. torch has threads of its own (stages/run.py).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
