"""The laws of arrays on drawn configurations, layers and cuts, of every kind."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.arrays import KINDS, array_class
from accelsim.testing import laws, strategies
from accelsim.testing.cuts import whole
from tests.accelsim.arrays.test_conformance import (
    TestAdder as Adder,
)
from tests.accelsim.arrays.test_conformance import (
    TestBitserial as Bitserial,
)
from tests.accelsim.arrays.test_conformance import (
    TestCambriconX as CambriconX,
)
from tests.accelsim.arrays.test_conformance import (
    TestCsrRows as CsrRows,
)
from tests.accelsim.arrays.test_conformance import (
    TestEie as Eie,
)
from tests.accelsim.arrays.test_conformance import (
    TestNmSparse as NmSparse,
)
from tests.accelsim.arrays.test_conformance import (
    TestScnn as Scnn,
)
from tests.accelsim.arrays.test_conformance import (
    TestShift as Shift,
)
from tests.accelsim.arrays.test_conformance import (
    TestSticker as Sticker,
)
from tests.accelsim.arrays.test_conformance import (
    TestSystolic as Systolic,
)
from tests.accelsim.arrays.test_conformance import (
    TestTernary as Ternary,
)
from tests.accelsim.arrays.test_conformance import (
    TestXnor as Xnor,
)

DATAFLOWS = st.sampled_from(["os", "ws", "is"])
SETTINGS = {  # kind -> (what its layers look like, strategies of the fields beside the sizes)
    "systolic": (Systolic, {"dataflow": DATAFLOWS, "edge_folds": st.sampled_from(["full", "clipped"])}),
    "csr_rows": (CsrRows, {"assignment": st.sampled_from(["static", "dynamic"]), "banks": st.integers(1, 9)}),
    "eie": (Eie, {"fifo_depth": st.integers(2, 9), "index_bits": st.integers(1, 5)}),
    "cambricon_x": (CambriconX, {"index_bits": st.integers(1, 6)}),
    "scnn": (
        Scnn,
        {"banks": st.integers(1, 32), "ifmap_vector": st.integers(1, 5), "filter_vector": st.integers(1, 5)},
    ),
    "sticker": (Sticker, {}),
    "nm_sparse": (NmSparse, {"dataflow": DATAFLOWS}),
    "shift": (Shift, {"terms": st.integers(1, 3)}),
    "ternary": (Ternary, {"zero_skipping": st.booleans()}),
    "adder": (Adder, {}),
    "xnor": (Xnor, {"word_bits": st.integers(1, 70)}),
    "bitserial": (Bitserial, {"word_bits": st.integers(1, 70), "skip_zero_planes": st.booleans()}),
}


def test_every_kind_is_drawn():
    assert set(SETTINGS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_laws(kind, data):
    suite, fields = SETTINGS[kind]
    source = suite()
    array = data.draw(strategies.arrays(array_class(kind), **fields))
    program = array.program(data.draw(strategies.layers(source)))
    parts = data.draw(strategies.cuts(program))
    for tile in parts:
        laws.counts_are_declared(program, tile)
        laws.lanes_add_up(program, tile)
    laws.cuts_lose_nothing(program, parts)
    laws.equal_keys_cost_equal_work(program, [*parts, whole(program)])
    free = "".join(sorted(set("MNK") - program.grain.costly))
    laws.tiles_add_up(program, data.draw(strategies.cuts(program, free)))
