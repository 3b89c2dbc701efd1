import pytest
import torch
from torch import Tensor

from emotag.splats.rasterize import Render
from emotag.synthesis.blend import blend
from emotag.synthesis.compose import compose


def parts() -> tuple[Render, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    uniform = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    render = Render(uniform(3, 17, 19, 3), uniform(3, 17, 19, 1))
    image, fade = ((256 * uniform(5, 17, 19, c)).to(torch.uint8) for c in (3, 1))
    return render, image, fade.squeeze(-1), torch.tensor([4, 0, 1])


def test_each_render_is_laid_over_its_frame() -> None:
    render, image, fade, frames = parts()
    composed = blend(render, image, fade, frames)
    for row, frame in enumerate(frames.tolist()):
        alone = compose(render.colour[row], render.alpha[row, ..., 0], image[frame], fade[frame].float() / 255)
        assert torch.equal(composed[row], alone)


def test_sizes_that_differ_are_refused() -> None:
    render, image, fade, frames = parts()
    with pytest.raises(ValueError, match="sizes differ"):
        blend(render, image[:, 1:], fade[:, 1:], frames)
    with pytest.raises(ValueError, match="sizes differ"):
        blend(render, image, fade, frames[:2])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_fused_kernel_gives_the_same_bytes() -> None:
    render, image, fade, frames = parts()
    expected = blend(render, image, fade, frames).int()
    on_device = Render(render.colour.cuda(), render.alpha.cuda())
    got = blend(on_device, image.cuda(), fade.cuda(), frames.cuda()).cpu().int()
    assert (got - expected).abs().max() <= 1  # a product may be rounded once where the other is rounded twice
    assert (got != expected).float().mean() < 1e-2
