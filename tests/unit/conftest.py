"""The trained model that the tests of graph_models and explain share."""

import pytest


@pytest.fixture(scope="session")
def town():
    """Tables, labels and the day after the last claim of a small made-up town."""
    # Late, so that tests of other rooms do not pay for PyTorch.
    import graph_models as gm
    from graph_models.fake import make_claims

    tables, labels = make_claims(60, seed=3)
    return tables, labels, gm.day_after_last(tables)


@pytest.fixture(scope="session")
def model(town):
    """The model of that town."""
    import graph_models as gm

    tables, labels, upto = town
    return gm.train(tables, None, labels, upto=upto, seed=5, folds=3, device="cpu")
