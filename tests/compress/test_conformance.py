"""One class a compression method."""

import compress
from tests.compress.compress_conformance import PrunerConformance, QuantizerConformance, StructuredConformance, classes


class TestAdmm(PrunerConformance):
    name = "admm"


class TestAdmmFilter(StructuredConformance):
    name, axis = "admm_filter", 0


class TestAdmmChannel(StructuredConformance):
    name, axis = "admm_channel", 1


class TestAdmmColumn(StructuredConformance):
    name, axis = "admm_column", 1


class TestAdmmCombined(StructuredConformance):
    name, axis = "admm_combined", 1


class TestAdmmProgressive(PrunerConformance):
    name = "admm_progressive"
    settings = {"iterations": 1, "steps_per_iteration": 1, "retrain_steps": 1}


class TestAdmmLevels(QuantizerConformance):
    name = "admm_levels"


class TestAdmmBinary(QuantizerConformance):
    name, coding = "admm_binary", "binary"


class TestAdmmTernary(QuantizerConformance):
    name, coding = "admm_ternary", "ternary"


class TestPrunedTernary(QuantizerConformance):
    name, coding = "pruned_ternary", "ternary"


class TestIterativeMagnitude(PrunerConformance):
    name = "iterative_magnitude"
    settings = {"rounds": 2, "steps_per_round": 1}


class TestL1Regularization(PrunerConformance):
    name = "l1_regularization"


class TestL2Regularization(PrunerConformance):
    name = "l2_regularization"


class TestProjectedGradient(PrunerConformance):
    name = "projected_gradient"


class TestSimdBlocks(PrunerConformance):
    name = "simd_blocks"


class TestPatternKernel(PrunerConformance):
    name = "pattern_kernel"


class TestNm(PrunerConformance):
    name = "n_m"


class TestMixedPrecision(QuantizerConformance):
    name = "mixed_precision"


class TestInq(QuantizerConformance):
    name, coding, zeros_stay = "inq", "pow2", True


class TestDeepShiftQ(QuantizerConformance):
    name, coding = "deepshift_q", "pow2"


class TestXnorNet(QuantizerConformance):
    name, coding = "xnor_net", "binary"


def test_every_method_has_a_class():
    named = {kind.name for kind in classes()}
    assert named == {method.name for method in compress.methods()}
