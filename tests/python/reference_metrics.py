"""Reference values for the metrics of `thumbgen evaluate`, by their authors' or other people's code.

    pip install torch torchvision torch-fidelity torchmetrics prdc
    python tests/python/reference_metrics.py > tests/python/reference_metrics.json

tests/tests/all/metrics.rs makes the same matrices from the same integers and compares its numbers with these. Nothing here
knows that code: Frechet distance, Inception Score, kernel distance, precision and recall come from torch-fidelity, the
Frechet and the kernel distance from torchmetrics as well, density and coverage from prdc.
"""

import json
import sys

import numpy as np
import prdc
import torch
import torch_fidelity
import torchmetrics
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

ROWS, FEATURES, CLASSES, SUBSETS, SUBSET = 600, 24, 10, 4, 200


def split_mix_64(x: np.ndarray) -> np.ndarray:
    """One step of SplitMix64 for each seed (Steele, Lea, Flood, OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        z = x.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(seed: int, rows: int, columns: int) -> np.ndarray:
    """Element i of the row-major matrix from the seed `seed * 2^32 + i`, on 0..1."""
    index = (np.uint64(seed) << np.uint64(32)) + np.arange(rows * columns, dtype=np.uint64)
    return (split_mix_64(index) >> np.uint64(11)).astype(np.float64).reshape(rows, columns) / 2.0**53


def features(seed: int, rows: int, stretch: float, shift: float) -> np.ndarray:
    """Eight clusters, as features of classes lie: correlated columns of different spread."""
    noise = uniform(seed, rows, FEATURES)
    place = 3.0 * uniform(99, 8, FEATURES)[np.arange(rows) % 8]
    columns = np.arange(FEATURES)
    mixed = noise + 0.5 * np.roll(noise, 1, axis=1)
    return place + stretch * mixed * (1.0 + columns % 5) / 4.0 + shift * (columns % 3)


def logits(seed: int, rows: int) -> np.ndarray:
    """Mostly sure of one of ten classes, not all equally often."""
    values = 4.0 * uniform(seed, rows, CLASSES)
    chosen = (split_mix_64(np.uint64(seed + 1) * np.uint64(2**32) + np.arange(rows, dtype=np.uint64)) % np.uint64(CLASSES)).astype(int)
    chosen = np.minimum(chosen, 7)
    values[np.arange(rows), chosen] += 5.0
    return values


def case(name: str, real: np.ndarray, generated: np.ndarray, scores: np.ndarray) -> dict:
    real_t, generated_t = torch.from_numpy(real), torch.from_numpy(generated)
    statistics = [fid_features_to_statistics(t) for t in (generated_t, real_t)]
    frechet = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    moments = [(t.mean(dim=0), torch.cov(t.T)) for t in (real_t, generated_t)]
    frechet_torchmetrics = _compute_fid(*moments[0], *moments[1]).item()

    # Every third row, from another one on each time: both sides take the same without a random generator.
    options = dict(kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
    subsets = []
    for i in range(SUBSETS):
        a = real[(np.arange(SUBSET) * 3 + i) % len(real)]
        b = generated[(np.arange(SUBSET) * 3 + 2 * i) % len(generated)]
        subsets.append(kernel_mmd(a, b, **options))
    size = min(len(real), len(generated))
    whole = kernel_mmd(real[:size], generated[:size], **options)
    whole_torchmetrics = poly_mmd(real_t[:size], generated_t[:size]).item()

    inception = isc_features_to_metric(torch.from_numpy(scores), splits=10, shuffle=False)
    three = prc_features_to_metric(generated_t, real_t, prc_neighborhood=3, prc_batch_size=10000, save_cpu_ram=False, verbose=False)
    output = sys.stdout
    sys.stdout = sys.stderr  # prdc prints
    five = prdc.compute_prdc(real, generated, nearest_k=5)
    sys.stdout = output
    return {
        "name": name,
        "frechet": frechet,
        "frechet_torchmetrics": frechet_torchmetrics,
        "kernel": whole,
        "kernel_torchmetrics": whole_torchmetrics,
        "kernel_subsets_mean": float(np.mean(subsets)),
        "kernel_subsets_deviation": float(np.std(subsets)),
        "inception_score": inception["inception_score_mean"],
        "precision": three["precision"],
        "recall": three["recall"],
        "density": float(five["density"]),
        "coverage": float(five["coverage"]),
    }


real = features(1, ROWS, 1.0, 0.0)
cases = [
    case("near", real, features(2, ROWS, 1.0, 0.02), logits(11, ROWS)),
    case("narrow", real, features(3, ROWS, 0.7, 0.1), logits(13, ROWS)),
    case("wide", real, features(4, 593, 1.2, 0.02), logits(15, 593)),
    # More features than pictures: a singular covariance.
    case("few", real, features(5, 20, 1.0, 0.0), logits(17, 20)),
]
versions = {
    "numpy": np.__version__,
    "torch": torch.__version__,
    "torch-fidelity": torch_fidelity.__version__,
    "torchmetrics": torchmetrics.__version__,
    "prdc": "0.2",
}
json.dump({"versions": versions, "cases": cases}, sys.stdout, indent=1)
print()
