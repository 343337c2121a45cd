"""Where the cost of a stay still in hospital is heading, against what its group pays."""

from drg.projection.costs import ProjectionError
from drg.projection.curves import Curves
from drg.projection.estimate import fit
from drg.projection.outlook import ABSENT, PROJECTED, project
from drg.projection.replay import BACKTEST, REPLAYED, backtest, measure, replay

__all__ = [
    "ABSENT",
    "BACKTEST",
    "PROJECTED",
    "REPLAYED",
    "Curves",
    "ProjectionError",
    "backtest",
    "fit",
    "measure",
    "project",
    "replay",
]
