"""What α, β and PPR mean, for the top of pages that have them."""

from __future__ import annotations

from accelsim.analysis.verdict import ASSUMED_PPR

RATIO_TERMS = {
    "α": "weight reduction: weights of the uncompressed network ÷ nonzero weights now; the zeros of a layer that "
    "nobody pruned are weights",
    "β": "speedup over the dense baseline: the uncompressed network at the same bits on the strongest dense array with "
    "the same peak and DRAM; β unpruned is that of the uncompressed network on the same two machines",
    "PPR": "pruning-to-performance ratio α/β: the smaller, the more of the pruning turns into speed; where β unpruned "
    "is outside 0.9 to 1.1, PPR corrected is α ÷ (β ÷ β unpruned). For non-structured pruning "
    f"{ASSUMED_PPR[0]:g} to {ASSUMED_PPR[1]:g} is what ADMM-NN-S (section VI) takes from the synthesis results of "
    "earlier accelerators",
}
