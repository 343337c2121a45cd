import polars as pl
import pytest

from graph_models.labels import LabelError, read_extra, read_labels, read_providers


def write(tmp_path, text):
    path = tmp_path / "given.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "Provider,PotentialFraud\nP2,No\nP1,Yes\n",
        "provider_id,label\nP1,1\nP2,0\n",
        "label,other,provider_id\nTRUE,x,P1\nfalse,y,P2\n",
    ],
)
def test_labels_are_read_in_each_layout(tmp_path, text):
    labels = read_labels(write(tmp_path, text))
    assert labels.to_dicts() == [
        {"provider_id": "P1", "label": True},
        {"provider_id": "P2", "label": False},
    ]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("P1,maybe\nP2,No\n", "Yes/No.*line 2"),
        ("P1,Yes\nP2,\n", "Yes/No.*line 3"),
        (",Yes\n", "no provider.*line 2"),
        ("P1,Yes\nP1,No\n", "named twice.*line 2, 3"),
    ],
)
def test_a_bad_label_row_is_refused_with_its_line(tmp_path, rows, words):
    with pytest.raises(LabelError, match=words) as caught:
        read_labels(write(tmp_path, "Provider,PotentialFraud\n" + rows))
    assert caught.value.cure


def test_a_file_without_the_columns_is_refused(tmp_path):
    with pytest.raises(LabelError, match="provider_id"):
        read_labels(write(tmp_path, "a,b\n1,2\n"))
    with pytest.raises(LabelError, match="cannot be read"):
        read_labels(tmp_path / "absent.csv")


def test_an_extra_table_keeps_numbers_and_says_what_it_leaves_out(tmp_path):
    path = write(
        tmp_path,
        "Provider,Beds,Name,Race_Frac,MajorState,Same\nP1,10,x,0.1,3,1\nP2,NA,y,0.2,4,1\nP3,12,z,0.3,5,1\n",
    )
    table, left = read_extra(path)
    assert table.to_dict(as_series=False) == {
        "provider_id": ["P1", "P2", "P3"],
        "Beds": [10.0, None, 12.0],
    }
    assert set(left) == {"Name", "Race_Frac", "MajorState", "Same"}
    assert read_providers(path) == ["P1", "P2", "P3"]
    assert table.schema["Beds"] == pl.Float64
