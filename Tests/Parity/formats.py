"""Makes the golden files of HalterFormatsTests with the reference packages.

    python Tests/Parity/formats.py                 writes Tests/HalterFormatsTests/Fixtures
    python Tests/Parity/formats.py --check DIR     reads files that Halter wrote into DIR

Made with safetensors 0.8.0, gguf 0.19.0, h5py 3.16.0, numpy.
"""

import json
import pathlib
import sys

import gguf
import h5py
import numpy as np
from safetensors.numpy import load_file, save_file

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "HalterFormatsTests" / "Fixtures"


def tensors():
    """One tensor of every type numpy and safetensors share; names that need escaping."""
    ramp = np.arange(6)
    return {
        "b.f32": (ramp / 4).astype(np.float32).reshape(2, 3),
        "a.f32": np.array([1.5, -2.0], np.float32),
        "f64": np.array([0.1, -1e300], np.float64),
        "f16": ramp.astype(np.float16).reshape(3, 2),
        "i64": np.array([-1, 2**40], np.int64),
        "i32": ramp.astype(np.int32) - 3,
        "i16": ramp.astype(np.int16) - 3,
        "i8": ramp.astype(np.int8) - 3,
        "u8": ramp.astype(np.uint8) + 250,
        "bool": np.array([True, False, True]),
        "scalar": np.array(7.25, np.float32),
        "empty": np.zeros((0, 4), np.float32),
        'odd "name"\\\n\té\u2581': np.array([3], np.uint8),
    }


def make_safetensors():
    save_file(tensors(), FIXTURES / "types.safetensors", metadata={"format": "pt"})
    save_file({}, FIXTURES / "empty.safetensors")
    sharded = FIXTURES / "sharded"
    sharded.mkdir(exist_ok=True)
    parts = [{"x": np.arange(4, dtype=np.float32)}, {"y": np.arange(3, dtype=np.float32) * 2}]
    weight_map = {}
    for number, part in enumerate(parts, 1):
        name = f"model-{number:05}-of-00002.safetensors"
        save_file(part, sharded / name, metadata={"format": "pt"})
        weight_map |= {key: name for key in part}
    index = {"metadata": {"total_size": 28}, "weight_map": weight_map}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def make_gguf():
    writer = gguf.GGUFWriter(FIXTURES / "types.gguf", "llama")
    writer.add_uint8("k.u8", 200)
    writer.add_int8("k.i8", -5)
    writer.add_uint16("k.u16", 60000)
    writer.add_int16("k.i16", -30000)
    writer.add_uint32("k.u32", 4000000000)
    writer.add_int32("k.i32", -2000000000)
    writer.add_float32("k.f32", 1.25)
    writer.add_bool("k.bool", True)
    writer.add_string("k.string", "héllo ▁ wörld")
    writer.add_uint64("k.u64", 2**63 + 1)
    writer.add_int64("k.i64", -(2**60))
    writer.add_float64("k.f64", 0.1)
    writer.add_array("k.strings", ["a", "", "▁b"])
    writer.add_array("k.ints", [1, -2, 3])
    writer.add_array("k.floats", [0.5, -1.5])
    writer.add_array("k.bools", [True, False])
    writer.add_array("k.nested", [[1, 2], [3]])
    f32 = np.arange(64, dtype=np.float32).reshape(2, 32) / 8 - 3
    writer.add_tensor("plain.weight", f32)
    writer.add_tensor("half.weight", f32.astype(np.float16))
    kind = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("q8.weight", gguf.quants.quantize(f32, kind), raw_dtype=kind)
    writer.add_tensor("odd.bias", np.arange(3, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    table = {
        str(int(kind)): [kind.name, elements, size]
        for kind, (elements, size) in gguf.GGML_QUANT_SIZES.items()
    }
    (FIXTURES / "gguf-types.json").write_text(json.dumps(table, indent=1) + "\n")


def make_hdf5():
    with h5py.File(FIXTURES / "types.h5", "w") as file:
        file.attrs["title"] = "héllo"
        file.attrs["fixed"] = np.bytes_("ascii")
        file.attrs["number"] = 7
        file["f32"] = np.arange(6, dtype=np.float32).reshape(2, 3)
        file["scalar"] = np.float32(2.5)
        group = file.create_group("group")
        group.attrs["note"] = "inside"
        group["i32"] = np.array([-1, 5], np.int32)
        group.create_dataset(
            "big-endian", data=np.array([1, 2, 3], ">i8"), chunks=(2,), compression="gzip")
        group["u8"] = np.array([1, 255], np.uint8)
        group["u64"] = np.array([2**63 + 5], np.uint64)
        group["f64"] = np.array([0.1, -2.5], np.float64)
        group["empty"] = np.zeros((0,), np.float32)
        group["text"] = ["not", "numbers"]


def make_table():
    """A table as h5py and pandas users store one: a dataset a column."""
    with h5py.File(FIXTURES / "table.h5", "w", track_order=False) as file:
        def column(name, data, **options):
            file.create_dataset(name, data=data, track_times=False, **options)

        column("prompt", ["a", "", "é🙂\n\"", "d"], dtype=h5py.string_dtype())
        column("completion", np.array([b"b", b"\xc3\xa9", b"", b"four"], "S4"))
        column("label", np.array([True, False, True, False]))
        column("margin", np.array([0.1, np.nan, -np.inf, 1e30], np.float32), chunks=(3,),
               compression="gzip")
        column("exact", np.array([0.1, 1 / 3, 5e-324, 2.0], ">f8"))
        column("id", np.array([-1, 2, 3, 4], np.int16))
        column("deep/id", np.array([2**64 - 1, 0, 1, 2], np.uint64))
        column("vector", np.zeros((4, 2), np.float32))
        column("scalar", np.float32(1))


def check(directory):
    """Reads what `FormatsParityTests` wrote and compares it with what it should hold."""
    loaded = load_file(directory / "types.safetensors")
    for name, expected in tensors().items():
        np.testing.assert_array_equal(loaded[name], expected)
    assert (directory / "types.safetensors").read_bytes() == (
        FIXTURES / "types.safetensors"
    ).read_bytes()

    reader = gguf.GGUFReader(directory / "types.gguf")
    golden = gguf.GGUFReader(FIXTURES / "types.gguf")
    for name, field in golden.fields.items():
        if not name.startswith("GGUF."):
            assert reader.fields[name].contents() == field.contents(), name
    for mine, theirs in zip(reader.tensors, golden.tensors, strict=True):
        assert mine.name == theirs.name and mine.tensor_type == theirs.tensor_type
        np.testing.assert_array_equal(mine.data, theirs.data)

    with h5py.File(directory / "state.h5") as file:
        assert file.attrs["title"] == "héllo", file.attrs["title"]
        assert file["adam"].attrs["note"] == "inside"
        expected = np.arange(1000, dtype=np.float32).reshape(10, 100) / 8
        np.testing.assert_array_equal(file["adam/m"][:], expected)
        np.testing.assert_array_equal(file["adam/packed"][:], expected)
        assert file["adam/packed"].compression == "gzip"
        np.testing.assert_array_equal(file["i32"][:], np.array([-1, 5], np.int32))
        np.testing.assert_array_equal(file["i64"][:], np.array([-(2**60)], np.int64))
        np.testing.assert_array_equal(file["u8"][:], np.array([0, 255], np.uint8))
        np.testing.assert_array_equal(file["u64"][:], np.array([2**64 - 1], np.uint64))
        assert file["none"].shape == (0,)
    print("all files read back as expected")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(pathlib.Path(sys.argv[2]))
    else:
        FIXTURES.mkdir(exist_ok=True)
        make_safetensors()
        make_gguf()
        make_hdf5()
        make_table()
