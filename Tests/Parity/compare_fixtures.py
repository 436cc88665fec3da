"""Compares fixtures made again with the committed ones.

usage: compare_fixtures.py MADE COMMITTED [NAME …]

Every file below MADE (below its folders NAME, if given) must be in COMMITTED and the other way round.
Texts, ids and shapes must be equal; numbers may differ by 1e-4 plus 1e-3 of themselves, since another
processor rounds differently. Prints the largest difference of each file that is not equal to the byte;
exit status 1 if anything differs by more."""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file

ABSOLUTE, RELATIVE = 1e-4, 1e-3
UNSTABLE = {"noise"}  # how much the reference itself wavers: a measurement, not a value


class Drift(Exception):
    pass


def compare_numbers(place, made, committed) -> float:
    made, committed = (torch.as_tensor(value, dtype=torch.float64) for value in (made, committed))
    if made.shape != committed.shape:
        raise Drift(f"{place}: shape {list(made.shape)}, committed {list(committed.shape)}")
    difference = (made - committed).abs()
    excess = difference - ABSOLUTE - RELATIVE * committed.abs()
    if difference.numel() and not excess.max() <= 0:
        raise Drift(f"{place}: differs by {difference.max():.2e}")
    return difference.max().item() if difference.numel() else 0.0


def compare_json(place, made, committed) -> float:
    if isinstance(made, dict) and isinstance(committed, dict):
        if made.keys() != committed.keys():
            raise Drift(f"{place}: keys {sorted(made.keys() ^ committed.keys())} on one side only")
        return max((compare_json(f"{place}.{key}", made[key], committed[key])
                    for key in made if key not in UNSTABLE), default=0.0)
    if isinstance(made, list) and isinstance(committed, list) and len(made) == len(committed):
        return max((compare_json(f"{place}[{index}]", *pair)
                    for index, pair in enumerate(zip(made, committed))), default=0.0)
    if isinstance(made, float) and isinstance(committed, float):
        return compare_numbers(place, made, committed)
    if made != committed:
        raise Drift(f"{place}: {str(made)[:80]!r}, committed {str(committed)[:80]!r}")
    return 0.0


def compare_tensors(made, committed) -> float:
    made, committed = load_file(made), load_file(committed)
    if made.keys() != committed.keys():
        raise Drift(f"tensors {sorted(made.keys() ^ committed.keys())} on one side only")
    for name, value in made.items():
        if value.dtype != committed[name].dtype:
            raise Drift(f"{name}: {value.dtype}, committed {committed[name].dtype}")
        if not value.dtype.is_floating_point and not torch.equal(value, committed[name]):
            raise Drift(f"{name}: other integers")
    return max(compare_numbers(name, value, committed[name]) for name, value in made.items())


def compare(made, committed) -> float:
    if made.read_bytes() == committed.read_bytes():
        return 0.0
    if made.suffix == ".safetensors":
        return compare_tensors(made, committed)
    return compare_json("", json.loads(made.read_text()), json.loads(committed.read_text()))


def files(root, names) -> set:
    roots = [root / name for name in names] or [root]
    return {path.relative_to(root) for top in roots for path in top.rglob("*") if path.is_file()}


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    made_root, committed_root = map(pathlib.Path, sys.argv[1:3])
    made, committed = (files(root, sys.argv[3:]) for root in (made_root, committed_root))
    failures = [f"{path}: not committed" for path in sorted(made - committed)]
    failures += [f"{path}: not made again" for path in sorted(committed - made)]
    moved = 0
    for path in sorted(made & committed):
        try:
            difference = compare(made_root / path, committed_root / path)
            if difference > 0:
                moved += 1
                print(f"{path}: largest difference {difference:.2e}, within what rounding explains")
        except Drift as drift:
            failures.append(f"{path}: {drift}")
    if failures:
        sys.exit("\n".join(["fixtures have drifted:"] + failures))
    print(f"{len(made)} fixtures made again: {len(made) - moved} with the committed values exactly")
