"""Holds the cache of tokenised rows (docs/FORMATS.md) against h5py, in both directions.

    python Tests/Parity/token_cache.py FILE.h5            writes the golden file of HalterDataTests
    python Tests/Parity/token_cache.py --check FILE.h5    reads a cache that Halter wrote

Made with h5py 3.16.0 on HDF5 2.0.0, numpy 2.4.6.
"""

import hashlib
import json
import pathlib
import sys

import h5py
import numpy as np

BLOCK = 512

# File, line, source, tokens, spans of (begin, end, weight).
ROWS = [
    ("train.jsonl", 1, 0, [5, 6, 7, 8], [(2, 4, 1.0)]),
    ("more.jsonl", 40, 1, list(range(100, 400)), [(1, 3, 0.5), (3, 10, 1.0), (299, 300, 2.0)]),
    ("train.jsonl", 3, 0, [49151], []),
]


def seal(path):
    """The first block of a file: what must stand in it, given the rest."""
    rest = path.read_bytes()[BLOCK:]
    digest = hashlib.sha256(rest).hexdigest()
    text = f"halter sealed hdf5 1\nsha256 {digest}\nbytes {len(rest)}\n"
    return text.encode().ljust(BLOCK)


def rows_of(file):
    """The rows of an open cache as in ROWS."""
    starts, spans = file["rows/starts"][:], file["spans/starts"][:]
    names = file["files"].asstr()[:]
    rows = []
    for row in range(len(starts) - 1):
        part = slice(spans[row], spans[row + 1])
        rows.append((
            names[file["rows/file"][row]], int(file["rows/line"][row]),
            int(file["rows/source"][row]), file["tokens"][starts[row]:starts[row + 1]].tolist(),
            list(zip(
                file["spans/begin"][part].tolist(), file["spans/end"][part].tolist(),
                file["spans/weight"][part].tolist())),
        ))
    return rows


def make(path):
    """Writes ROWS the way h5py likes to: other chunks, other compression, or none."""
    names = sorted({row[0] for row in ROWS})
    spans = [span for row in ROWS for span in row[4]]
    with h5py.File(path, "w", userblock_size=BLOCK, track_order=False) as file:
        def write(name, values, type, **settings):
            file.create_dataset(name, data=np.array(values, type), track_times=False, **settings)

        write("tokens", np.concatenate([row[3] for row in ROWS]), np.int32, chunks=(64,),
              compression="gzip", compression_opts=6)
        write("rows/starts", np.cumsum([0] + [len(row[3]) for row in ROWS]), np.int64)
        write("rows/file", [names.index(row[0]) for row in ROWS], np.int32)
        write("rows/line", [row[1] for row in ROWS], ">i8")
        write("rows/source", [row[2] for row in ROWS], np.int32)
        write("spans/starts", np.cumsum([0] + [len(row[4]) for row in ROWS]), np.int64)
        write("spans/begin", [span[0] for span in spans], np.int32, chunks=(2,), shuffle=True)
        write("spans/end", [span[1] for span in spans], np.int32)
        write("spans/weight", [span[2] for span in spans], np.float32, fletcher32=True)
        file.create_dataset("files", data=names, dtype=h5py.string_dtype(), track_times=False)
        file.attrs["format"] = "halter token cache"
        file.attrs["version"] = "1"
        file.attrs["key"] = "0" * 64
        file.attrs["layouts"] = json.dumps(["messages", "text"])
        file.attrs["statistics"] = STATISTICS
        file.attrs["content_hash"] = "1f"
    with open(path, "r+b") as file:
        file.write(seal(path))


STATISTICS = json.dumps({
    "rowsRead": 4, "rows": 3, "kinds": {"conversation": 3, "text": 1},
    "dropped": {"tooLong": {"count": 1, "first": [{"file": "a", "line": 2}]}},
    "cut": {"count": 0, "first": []}, "repeated": {"count": 0, "first": []},
    "alsoTrained": {"count": 0, "first": []}, "filledIn": 0, "tokens": 305, "trainedTokens": 12, "longest": 300,
    "longestRead": 999, "trainedAnswers": 2, "trainedStops": 2, "powers": [0, 0, 0, 0, 2, 0, 0, 0, 0, 1] + [0] * 54,
})


def check(path):
    """Reads a cache that Halter wrote; where it holds as many rows as ROWS, compares them."""
    assert path.read_bytes()[:BLOCK] == seal(path), "the seal is not that of the file"
    with h5py.File(path) as file:
        assert file.userblock_size == BLOCK
        assert file.attrs["format"] == "halter token cache" and file.attrs["version"] == "1"
        assert len(file.attrs["key"]) == 64 and "key.tokenizer" in file.attrs, list(file.attrs)
        types = {
            "tokens": "<i4", "rows/starts": "<i8", "rows/file": "<i4", "rows/line": "<i8",
            "rows/source": "<i4", "spans/starts": "<i8", "spans/begin": "<i4",
            "spans/end": "<i4", "spans/weight": "<f4",
        }
        for name, type in types.items():
            dataset = file[name]
            assert dataset.dtype == np.dtype(type) and dataset.maxshape == (None,), name
            assert (dataset.compression, dataset.compression_opts) == ("gzip", 1), name
            assert dataset.shuffle and dataset.fletcher32, name
        count = len(file["rows/starts"]) - 1
        starts, spans = file["rows/starts"][:], file["spans/starts"][:]
        assert starts[0] == 0 and starts[-1] == len(file["tokens"]) and (np.diff(starts) > 0).all()
        assert spans[0] == 0 and spans[-1] == len(file["spans/weight"])
        for name in ["rows/file", "rows/line", "rows/source"]:
            assert len(file[name]) == count, name
        statistics = json.loads(file.attrs["statistics"])
        assert statistics["rows"] == count and statistics["tokens"] == len(file["tokens"])
        trained = int((file["spans/end"][:] - file["spans/begin"][:]).sum())
        assert statistics["trainedTokens"] == trained
        if count == len(ROWS):
            assert rows_of(file) == ROWS, rows_of(file)
    print(f"{path.name}: {count} rows, {starts[-1]} tokens, read back as expected")


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(pathlib.Path(sys.argv[2]))
    else:
        make(pathlib.Path(sys.argv[1]))
