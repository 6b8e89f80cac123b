"""What the fields of a machine mean, in a sentence with units: for its JSON schema, and for the YAML of a new one."""

from __future__ import annotations

NOTES: dict[str, str] = {  # by dotted field; an array's fields of one name mean the same in every kind
    "name": "what reports call it",
    "description": "what it is, in a line",
    "source": "where its figures come from",
    "validated": "against, range, error and gaps: what it was held against, in words",
    "technology_nm": "node in nm that energy and area figures are scaled to",
    "clock_mhz": "clock of the array in MHz",
    "array": "the PE array, by `kind`",
    "array.kind": "family of the array",
    "array.accumulator_bits": "bits of a partial sum",
    "array.output_bits": "bits of an output; null: as wide as the activations",
    "array.rows": "PEs from top to bottom",
    "array.cols": "PEs from left to right",
    "array.pe_rows": "PEs from top to bottom",
    "array.pe_cols": "PEs from left to right",
    "array.pes": "PEs",
    "array.dataflow": "which operand stays in a PE: os outputs, ws weights, is inputs",
    "array.edge_folds": "whether a fold at an edge takes the time of the whole array or of its occupied part",
    "array.weight_double_buffer": "whether the next fold's weights load behind this one",
    "array.fold_overlap": "whether folds follow one another without filling and draining",
    "array.group_packing": "whether groups of a layer share a fold",
    "array.zero_gating": "whether a MAC with a zero operand holds still",
    "array.nm": 'n weights kept of every m along K, as "2:4"',
    "array.n": "weights kept of every m along K",
    "array.m": "weights along K of which n are kept",
    "array.ifmap_vector": "activations that a PE takes at once",
    "array.filter_vector": "weights that a PE takes at once",
    "array.accumulators": "partial sums that a PE holds",
    "array.barrier": "whether PEs wait for one another after each channel or after each group of filters",
    "array.vector_width": "multipliers of a PE",
    "array.multipliers": "multipliers of a PE",
    "array.index_bits": "bits of an index",
    "array.fifo_depth": "entries of a PE's queue of activations",
    "array.word_bits": "bits that a PE takes at once",
    "array.terms": "powers of two that a weight is the sum of",
    "array.banks": "banks of accumulators, or of the buffer read",
    "array.assignment": "whether filters are dealt to PEs beforehand or as these come free",
    "array.zero_skipping": "whether zero weights take no cycle",
    "buffers": "on-chip SRAM by operand; null: unlimited",
    "buffers.ifmap_kib": "input activations, in KiB",
    "buffers.filter_kib": "weights, in KiB",
    "buffers.ofmap_kib": "outputs and partial sums, in KiB",
    "buffers.double": "whether one half is filled while the other is read; a tile must fit half",
    "buffers.keep_on_chip": "whether outputs that a later layer reads may stay on chip",
    "buffers.weights_resident": "whether weights stay from one inference to the next as far as they fit",
    "dram": "what is behind the buffers, by `model`; without it data are always there",
    "dram.model": "ideal: no stall; bandwidth: a rate and a latency; bank: channels, banks, rows and timing",
    "dram.gbps": "GB/s, 10^9 bytes a second",
    "dram.latency_cycles": "cycles of the array's clock that a read takes more",
    "dram.device": "name of a device, or all its fields",
    "dram.base_offset_bytes": "bytes by which the operands' regions are shifted against one another",
    "dram.power_down_after_clk": "idle DRAM clocks behind which it draws its power-down current; null: never",
    "dram.energy_of": "device whose energy figures are charged",
    "dram.standby_mw": "standby power in mW in place of the device's",
    "mapping": "how tiles are chosen",
    "mapping.goal": "what a mapping has the least of",
    "mapping.m": "output pixels of a tile; null: chosen",
    "mapping.n": "filters of a tile; null: chosen",
    "mapping.k": "reduction of a tile; null: chosen",
    "mapping.order": "loops over tiles, outermost first; null: chosen",
    "tensors": "how tensors lie in DRAM",
    "tensors.layout": "tiles in one row each, or whole tensors",
    "tensors.activation_format": "how activations are coded in DRAM",
    "vector": "the unit for what is no GEMM",
    "vector.lanes": "elements a cycle",
    "vector.requantize": "whether it brings every output back to its bits",
    "energy": "figures in place of the shipped table's, as mult_8_pj: 0.25; `hw show NAME --energy` lists them",
    "fallback": "the array for layers that the first one cannot run; null: there is none",
}


def note(part: str, field: str) -> str:
    """What is said of a field of a part ("" is the machine itself); "" where nothing is.

    >>> note("fallback", "rows"), note("", "clock_mhz")
    ('PEs from top to bottom', 'clock of the array in MHz')
    """
    part = "array" if part == "fallback" else part
    return NOTES.get(f"{part}.{field}" if part else field, "")
