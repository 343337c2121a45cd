"""Putting the rooms together: the only place that knows them all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

PSEUDONYM_KEY = Path(".sentinel") / "pseudonym.key"
"""Where the key of the patient pseudonyms lies unless told otherwise."""
