"""The two sparse normal equations of tracking: frames in a row, and frames around what they share."""

import numpy as np
import scipy.linalg


def second_difference(frames: int) -> np.ndarray:  # (max(T - 2, 0), T)
    """Give the matrix D of x[t-1] − 2 x[t] + x[t+1]."""
    matrix = np.zeros((max(frames - 2, 0), frames))
    index = np.arange(len(matrix))
    matrix[index, index], matrix[index, index + 1], matrix[index, index + 2] = 1.0, -2.0, 1.0
    return matrix


class BandedSystem:
    """`A = blockdiag(blocks) + DᵀD ⊗ diag(smoothness)`: T frames of P unknowns, coupled by second differences.

    A banded Cholesky factorisation solves it in time linear in T.
    """

    def __init__(
        self,
        blocks: np.ndarray,  # (T, P, P) symmetric positive definite
        smoothness: np.ndarray,  # (P,) precision of second differences in time
    ) -> None:
        self._blocks, self._smoothness = blocks, smoothness
        frames, count, _ = blocks.shape
        difference = second_difference(frames)
        coupling = difference.T @ difference
        # Lower band, [k, t, j] holds the entry k below the diagonal in column (t, j).
        self._band = np.zeros((2 * count + 1, frames, count))
        for below in range(count):
            self._band[below, :, : count - below] = np.diagonal(blocks, offset=-below, axis1=1, axis2=2)
        for lag in range(min(3, frames)):
            self._band[lag * count, : frames - lag] += np.diagonal(coupling, -lag)[:, None] * smoothness

    def diagonal(self) -> np.ndarray:  # (T, P)
        """Give A's diagonal."""
        return self._band[0]

    def apply(self, x: np.ndarray) -> np.ndarray:  # (T, P)
        """Give A x."""
        smooth = np.zeros_like(x)
        if len(x) >= 3:
            bend = self._smoothness * (x[2:] - 2 * x[1:-1] + x[:-2])
            smooth[:-2] += bend
            smooth[1:-1] -= 2 * bend
            smooth[2:] += bend
        return (self._blocks @ x[..., None])[..., 0] + smooth

    def solve(
        self,
        right: np.ndarray,  # (T, P)
        diagonal: np.ndarray,  # (T, P)
    ) -> np.ndarray:  # (T, P)
        """Solve (A + diag(diagonal)) x = right."""
        band = self._band.copy()
        band[0] += diagonal
        flat = scipy.linalg.solveh_banded(
            band.reshape(len(band), -1), right.ravel(), lower=True, overwrite_ab=True, check_finite=False
        )
        return flat.reshape(right.shape)


class ArrowSystem:
    """F frames of P unknowns each, and S unknowns that all frames share; the vector is frames first, then shared.

    Frames are eliminated one by one (Schur complement), so that only an (S, S) system couples them.
    """

    def __init__(
        self,
        frames: np.ndarray,  # (F, P, P)
        mixed: np.ndarray,  # (F, P, S)
        shared: np.ndarray,  # (S, S)
    ) -> None:
        self._frames, self._mixed, self._shared = frames, mixed, shared

    def diagonal(self) -> np.ndarray:  # (F P + S,)
        """Give A's diagonal."""
        frames = np.diagonal(self._frames, axis1=1, axis2=2)
        return np.concatenate((frames.ravel(), np.diagonal(self._shared)))

    def apply(self, x: np.ndarray) -> np.ndarray:  # (F P + S,)
        """Give A x."""
        own, shared = self._split(x)
        by_frame = (self._frames @ own[..., None])[..., 0] + self._mixed @ shared
        return np.concatenate((by_frame.ravel(), self._shared @ shared + self._towards_shared(own)))

    def solve(
        self,
        right: np.ndarray,  # (F P + S,)
        diagonal: np.ndarray,  # (F P + S,)
    ) -> np.ndarray:  # (F P + S,)
        """Solve (A + diag(diagonal)) x = right."""
        own, shared = self._split(right)
        own_more, shared_more = self._split(diagonal)
        blocks = self._frames + own_more[..., None] * np.eye(own_more.shape[1])
        solved = np.linalg.solve(blocks, np.concatenate((self._mixed, own[..., None]), axis=-1))
        by_shared, by_right = solved[..., :-1], solved[..., -1]
        reduced = self._shared + np.diag(shared_more) - self._towards_shared(by_shared)
        found = scipy.linalg.solve(reduced, shared - self._towards_shared(by_right), assume_a="pos")
        return np.concatenate(((by_right - by_shared @ found).ravel(), found))

    def _towards_shared(self, values: np.ndarray) -> np.ndarray:  # (F, P, ...) -> (S, ...)
        return np.tensordot(self._mixed, values, axes=([0, 1], [0, 1]))

    def _split(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = self._frames.shape[0] * self._frames.shape[1]
        return x[:count].reshape(self._frames.shape[:2]), x[count:]
