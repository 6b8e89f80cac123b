"""AlexNet's fully connected layers on the published EIE: frames a second beside the 18,800 of its paper.

Sizes and densities are those of the EIE paper (Han et al., ISCA 2016, Table III); patterns are random, one seed.
"""

import accelsim

LAYERS = {  # inputs, outputs, weight density, activation density
    "Alex-6": (9216, 4096, 0.09, 0.351),
    "Alex-7": (4096, 4096, 0.09, 0.353),
    "Alex-8": (4096, 1000, 0.25, 0.375),
}


def main() -> None:
    """Prints cycles a layer and frames a second of compute, as the paper counts them: weights are resident."""
    traces = [
        accelsim.GemmTrace.random(name, M=1, N=n, K=k, weight_density=w, activation_density=a, seed=0)
        for name, (k, n, w, a) in LAYERS.items()
    ]
    report = accelsim.simulate(traces, accelsim.load_hardware("published/eie", dram={"model": "ideal"}))
    for row in report.rows:
        print(f"{row['name']}: {row['compute_cycles']:,} cycles, {100 * row['utilization']:.0f} % of the PEs' slots")
    print(f"{report.inferences_per_s:,.0f} frames a second; 18,800 published")


if __name__ == "__main__":
    main()
