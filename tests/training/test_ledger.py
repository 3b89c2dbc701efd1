import pytest
import torch

from emotag.training.ledger import Entry, Ledger


def entry(step: int, render: float, kl: float, square: float = 0.01, logged: bool = True) -> Entry:
    values = torch.tensor([render, kl, render + kl, square])
    return Entry(step, ("render", "kl"), values, {"frames_seen": step + 4} if logged else None)


def test_rows_come_in_order_with_their_losses() -> None:
    ledger = Ledger(interval=3)
    ledger.add(entry(0, 1.0, 2.0))
    ledger.add(entry(4, 3.0, 4.0, logged=False))
    assert ledger.rows() == []
    ledger.add(entry(8, 5.0, 6.0, square=0.001))
    first, last = ledger.rows()
    assert first == {"frames_seen": 4, "loss": 3.0, "psnr": pytest.approx(20.0), "loss_render": 1.0, "loss_kl": 2.0}
    assert last["frames_seen"] == 12
    assert last["psnr"] == pytest.approx(30.0)
    assert ledger.rows(wait=True) == []


def test_waiting_gives_what_is_left() -> None:
    ledger = Ledger(interval=10)
    ledger.add(entry(0, 1.0, 2.0))
    assert len(ledger.rows(wait=True)) == 1


def test_a_loss_that_is_not_finite_is_refused_with_step_and_term_also_where_nothing_is_logged() -> None:
    ledger = Ledger(interval=2)
    ledger.add(entry(96, 1.0, 2.0))
    ledger.add(entry(100, 1.0, float("nan"), logged=False))
    with pytest.raises(FloatingPointError, match="step 100: kl = nan"):
        ledger.rows()


def test_a_perfect_picture_has_a_finite_psnr() -> None:
    ledger = Ledger(interval=1)
    ledger.add(entry(0, 0.0, 0.0, square=0.0))
    assert ledger.rows()[0]["psnr"] == pytest.approx(100.0)
