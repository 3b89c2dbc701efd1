from pathlib import Path

import numpy as np
import pytest
import torch

from emotag.errors import InputError
from emotag.splats.ply import SplatCloud, read_ply, write_ply


def _cloud(count: int, coefficients: int) -> SplatCloud:
    generator = torch.Generator().manual_seed(0)
    return SplatCloud(
        means=torch.randn(count, 3, generator=generator),
        quaternions=torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=-1),
        scales=torch.rand(count, 3, generator=generator) * 0.01 + 1e-5,
        opacities=torch.rand(count, generator=generator) * 0.98 + 0.01,
        sh=torch.randn(count, coefficients, 3, generator=generator),
    )


def _write(path: Path, cloud: SplatCloud) -> None:
    write_ply(path, cloud.means, cloud.quaternions, cloud.scales, cloud.opacities, cloud.sh)


@pytest.mark.parametrize("coefficients", [1, 4, 9, 16])
def test_round_trip(tmp_path: Path, coefficients: int) -> None:
    cloud = _cloud(50, coefficients)
    _write(tmp_path / "a.ply", cloud)
    back = read_ply(tmp_path / "a.ply")
    for name in ("means", "quaternions", "scales", "opacities", "sh"):
        torch.testing.assert_close(getattr(back, name), getattr(cloud, name), rtol=1e-5, atol=1e-6)


def test_opaque_and_flat_splats_stay_finite(tmp_path: Path) -> None:
    cloud = _cloud(2, 1)
    cloud.opacities[0], cloud.opacities[1] = 0.0, 1.0
    cloud.scales[:, 2] = 0
    _write(tmp_path / "a.ply", cloud)
    back = read_ply(tmp_path / "a.ply")
    torch.testing.assert_close(back.opacities, torch.tensor([0.0, 1.0]), rtol=0, atol=1e-5)
    assert back.scales.isfinite().all()


def test_layout_is_that_of_3dgs(tmp_path: Path) -> None:
    """Read with numpy alone: names, order, channel-major f_rest, logit, logarithm."""
    cloud = _cloud(7, 4)
    _write(tmp_path / "a.ply", cloud)
    head, data = (tmp_path / "a.ply").read_bytes().split(b"end_header\n", 1)
    names = [line.split()[2].decode() for line in head.splitlines() if line.startswith(b"property")]
    assert names == (
        ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"]
        + [f"f_rest_{i}" for i in range(9)]
        + ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    )
    assert b"element vertex 7\n" in head
    rows = np.frombuffer(data, "<f4").reshape(7, len(names))
    table = dict(zip(names, rows.T))
    np.testing.assert_allclose(table["f_rest_3"], cloud.sh[:, 1, 1])  # green of the first higher coefficient
    np.testing.assert_allclose(1 / (1 + np.exp(-table["opacity"])), cloud.opacities, rtol=1e-5)
    np.testing.assert_allclose(np.exp(table["scale_2"]), cloud.scales[:, 2], rtol=1e-5)
    np.testing.assert_allclose(table["rot_0"], cloud.quaternions[:, 0], rtol=1e-5)


def test_reads_what_gsplat_exports(tmp_path: Path) -> None:
    from gsplat.exporter import splat2ply_bytes

    cloud = _cloud(30, 9)
    content = splat2ply_bytes(
        cloud.means,
        cloud.scales.log(),
        cloud.quaternions,
        cloud.opacities.logit(),
        cloud.sh[:, 0],
        cloud.sh[:, 1:].transpose(1, 2).reshape(30, -1),
    )
    (tmp_path / "gsplat.ply").write_bytes(content)
    back = read_ply(tmp_path / "gsplat.ply")
    for name in ("means", "quaternions", "scales", "opacities", "sh"):
        torch.testing.assert_close(getattr(back, name), getattr(cloud, name), rtol=1e-4, atol=1e-5)


def test_exception_on_shapes(tmp_path: Path) -> None:
    cloud = _cloud(5, 1)
    with pytest.raises(ValueError, match="different shapes"):
        write_ply(tmp_path / "a.ply", cloud.means, cloud.quaternions, cloud.scales, cloud.opacities[:4], cloud.sh)
    assert not list(tmp_path.iterdir())


def test_bad_files_give_one_line(tmp_path: Path) -> None:
    _write(tmp_path / "good.ply", _cloud(5, 4))
    good = (tmp_path / "good.ply").read_bytes()
    bad = {
        "cut": (good[:-4], "cut short"),
        "ascii": (good.replace(b"binary_little_endian", b"ascii"), "little-endian"),
        "empty": (b"", "little-endian"),
        "mesh": (good.replace(b"rot_0", b"other"), "no property rot_0"),
        "harmonics": (good.replace(b"f_rest_8", b"other_88"), "spherical harmonics"),
        "doubles": (good.replace(b"property float x", b"property double x"), "float properties"),
    }
    for name, (content, message) in bad.items():
        path = tmp_path / f"{name}.ply"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_ply(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_ply(tmp_path / "none.ply")
