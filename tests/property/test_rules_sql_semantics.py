"""A predicate means in Polars what it means in SQL, nulls included: sqlite3 is the judge."""

from __future__ import annotations

import sqlite3

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import codes
from rules.facts import Fact, Kind
from rules.predicate import Predicate, check

FACTS = {
    name: Fact(name, "stay", kind, name, name, name, name, "unknown", codes=listed)
    for name, kind, listed in (
        ("a", Kind.INTEGER, None),
        ("b", Kind.MONEY, None),
        ("c", Kind.INTEGER, None),
        ("f", Kind.FLAG, None),
        ("g", Kind.FLAG, None),
        ("t", Kind.TEXT, codes.SEX),
        ("u", Kind.TEXT, codes.SEX),
    )
}
NUMBERS = ["a", "b", "c"]
SEX = list(codes.SEX)

number = st.recursive(
    st.sampled_from([*NUMBERS, "0", "1", ":p", ":q"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
        st.tuples(inner, inner).map(lambda x: f"({x[0]} / NULLIF({x[1]}, 0))"),
        inner.map(lambda x: f"ABS({x})"),
        inner.map(lambda x: f"(- {x})"),
        st.tuples(inner, inner).map(lambda x: f"COALESCE({x[0]}, {x[1]})"),
        st.tuples(inner, inner).map(lambda x: f"NULLIF({x[0]}, {x[1]})"),
    ),
    max_leaves=4,
)
text = st.sampled_from(["t", "u"])
code = st.sampled_from(SEX).map(lambda c: f"'{c}'")
comparison = st.one_of(
    st.tuples(number, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), number).map(" ".join),
    st.tuples(text, st.sampled_from(["=", "<>"]), code).map(" ".join),
    st.tuples(text, st.sampled_from(["=", "<>"]), text).map(" ".join),
    st.tuples(text, st.sampled_from(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"]), code).map(
        " ".join
    ),
    st.tuples(number, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.tuples(
        text, st.sampled_from(["IN", "NOT IN"]), st.lists(code, min_size=1, max_size=3, unique=True)
    ).map(lambda x: f"{x[0]} {x[1]} ({', '.join(x[2])})"),
    st.tuples(number, number, number).map(lambda x: f"{x[0]} BETWEEN {x[1]} AND {x[2]}"),
    st.sampled_from(["f", "g", "TRUE", "FALSE"]),
)
predicate = st.recursive(
    comparison.map(lambda c: f"({c})"),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(
            lambda x: f"({x[0]} {x[1]} {x[2]})"
        ),
        # Without brackets, so that the order of NOT, AND and OR is compared too.
        st.tuples(inner, inner, inner).map(lambda x: f"({x[0]} OR NOT {x[1]} AND {x[2]})"),
        inner.map(lambda x: f"(NOT {x})"),
        st.tuples(inner, inner).map(lambda x: f"(CASE WHEN {x[0]} THEN {x[1]} END)"),
        st.tuples(inner, inner, inner).map(
            lambda x: f"(CASE WHEN {x[0]} THEN {x[1]} ELSE {x[2]} END)"
        ),
        st.tuples(inner, inner).map(lambda x: f"COALESCE({x[0]}, {x[1]})"),
    ),
    max_leaves=6,
)
small = st.one_of(st.none(), st.integers(-2, 2))
row = st.fixed_dictionaries(
    {
        "a": small, "b": small, "c": small,
        "f": st.one_of(st.none(), st.booleans()), "g": st.one_of(st.none(), st.booleans()),
        "t": st.one_of(st.none(), st.sampled_from(SEX)), "u": st.one_of(st.none(), st.sampled_from(SEX)),
    }
)  # fmt: skip


def by_sqlite(sql: str, rows: list[dict[str, object]], p: int, q: int) -> list[bool | None]:
    connection = sqlite3.connect(":memory:")
    # REAL, because sqlite divides integers to integers and standard SQL leaves that open.
    connection.execute("CREATE TABLE r (n INTEGER, a REAL, b REAL, c REAL, f, g, t TEXT, u TEXT)")
    for n, one in enumerate(rows):
        connection.execute(
            "INSERT INTO r VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (n, *(one[name] for name in FACTS))
        )
    bound = sql.replace(":p", f"({p}.0)").replace(":q", f"({q}.0)")
    bound = bound.replace("IS NOT DISTINCT FROM", "IS").replace("IS DISTINCT FROM", "IS NOT")
    bound = bound.replace(", 0)", ", 0.0)")
    answer = connection.execute(f"SELECT {bound} FROM r ORDER BY n").fetchall()  # noqa: S608
    connection.close()
    return [None if value is None else bool(value) for (value,) in answer]


@settings(max_examples=400)
@given(
    sql=predicate,
    rows=st.lists(row, min_size=1, max_size=8),
    p=st.integers(-2, 2),
    q=st.integers(-2, 2),
)
def test_polars_and_sqlite_agree(sql: str, rows: list[dict[str, object]], p: int, q: int) -> None:
    checked = check(sql, FACTS, {"p": p, "q": q})
    assert isinstance(checked, Predicate), checked
    frame = pl.DataFrame(
        {
            name: pl.Series([r[name] for r in rows], dtype=fact.kind.dtype)
            for name, fact in FACTS.items()
        }
    ).with_columns(pl.lit(q, dtype=pl.Int64).alias("R:q"))
    # One parameter stands in the text as a number, the other comes as a column.
    expr = checked.expr({"p": "R:p", "q": "R:q"}, {"p": p})
    got = frame.select(expr.alias("v"))["v"]
    got = pl.Series("v", [got[0]] * len(rows)) if len(got) != len(rows) else got
    assert got.to_list() == by_sqlite(sql, rows, p, q)
