"""Cost: a price that knows the figures it was built from."""

from __future__ import annotations


class Cost(float):
    """A float, in the unit of its figures, with the formula that gave it; sums and multiples keep the formula."""

    formula: str

    def __new__(cls, value: float, formula: str) -> Cost:
        """`formula` names figures of the table and what is done with them."""
        cost = super().__new__(cls, value)
        cost.formula = formula
        return cost

    def __add__(self, other: float) -> Cost:
        """The sum; nothing is added to the formula by 0."""
        if not other or not self:
            return as_cost(other) if other else self
        return Cost(float(self) + float(other), f"{self.formula} + {as_cost(other).formula}")

    def __radd__(self, other: float) -> Cost:
        """So that sum() works."""
        return as_cost(other) + self

    def __mul__(self, times: float) -> Cost:
        """A multiple."""
        if times == 1:
            return self
        return Cost(float(self) * float(times), f"{times:.12g} × {self._factor}")

    __rmul__ = __mul__

    def __truediv__(self, share: float) -> Cost:
        """A share."""
        return self if share == 1 else Cost(float(self) / float(share), f"{self._factor} / {share:.12g}")

    @property
    def _factor(self) -> str:
        return f"({self.formula})" if " + " in self.formula else self.formula


def as_cost(value: float) -> Cost:
    """The value itself where it is a Cost; a plain number is its own formula."""
    return value if isinstance(value, Cost) else Cost(value, f"{value:.12g}")
