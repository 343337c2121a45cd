"""Every FHIR path that a field names must exist in the resource models."""

from __future__ import annotations

import importlib
import typing
from types import UnionType

import pytest
from pydantic import BaseModel

from domain.claim import CLAIM_TABLES
from domain.parties import PARTY_TABLES
from domain.results import RESULT_TABLES

# R4B keeps R4's Claim, Coverage, Encounter, Patient, Practitioner(Role), Procedure,
# MedicationRequest, Organization and ServiceRequest as they are.
RELEASE = "fhir.resources.R4B"
PATHS = sorted(
    {
        (f.fhir, f"{t.name}.{f.name}")
        for t in (*CLAIM_TABLES, *PARTY_TABLES, *RESULT_TABLES)
        for f in t.fields
        if f.fhir
    }
)


def model_of(name: str) -> type[BaseModel]:
    """A resource or data type by its name, such as Claim or CodeableConcept."""
    module = importlib.import_module(f"{RELEASE}.{name.lower()}")
    found: type[BaseModel] = getattr(module, name)
    return found


def element_type(annotation: object) -> object:
    """The type of one element, without list and None around it."""
    while typing.get_args(annotation):
        if typing.get_origin(annotation) in {typing.Union, UnionType}:
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        else:
            annotation = typing.get_args(annotation)[0]
    return annotation


def walk(path: str) -> None:
    """Follow the path through the models; AssertionError where an element does not exist."""
    resource, *rest = path.split(".")
    model: type[BaseModel] | None = model_of(resource)
    holder = importlib.import_module(f"{RELEASE}.{resource.lower()}")
    for name in rest:
        assert model is not None, f"{path}: nothing lies below {name}"
        fields = {f.alias or n: f for n, f in model.model_fields.items()}
        assert name in fields, f"{path}: {model.__name__} has no {name}"
        inner = getattr(element_type(fields[name].annotation), "__name__", "").removesuffix("Type")
        model = getattr(holder, inner, None)
        if model is None:
            try:
                model = model_of(inner)
            except ModuleNotFoundError:
                model = None  # a primitive


@pytest.mark.parametrize(("path", "field"), PATHS, ids=[f"{f}={p}" for p, f in PATHS])
def test_a_named_fhir_path_exists(path: str, field: str) -> None:
    walk(path)


def test_the_walk_finds_a_wrong_element() -> None:
    with pytest.raises(AssertionError, match="Claim has no sum"):
        walk("Claim.sum")


def test_the_walk_finds_a_wrong_element_below_a_backbone() -> None:
    with pytest.raises(AssertionError, match="EncounterLocation has no room"):
        walk("Encounter.location.room")
