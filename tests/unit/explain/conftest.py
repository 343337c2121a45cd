import pytest

import graph_models as gm
from graph_models.fake import make_claims


@pytest.fixture(scope="session")
def town():
    """Tables, labels and the day after the last claim of a small made-up town."""
    tables, labels = make_claims(60, seed=3)
    return tables, labels, gm.day_after_last(tables)


@pytest.fixture(scope="session")
def model(town):
    tables, labels, upto = town
    return gm.train(tables, None, labels, upto=upto, seed=5, folds=3, device="cpu")
