"""Gives generators to torch-fidelity as they are: python3 tests/python/fidelity.py models/*/generator.uint8.onnx

Wants Python's torch, torch-fidelity, onnx and onnxruntime. torch-fidelity's own feature extractors download their weights; a
random projection in their place shows that the files are taken, generate, and give bytes of the right shape. For real
figures give the same files to its command, as models/RESULTS.md shows.
"""

import sys

import onnx
import torch
import torch_fidelity
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

PICTURES = 500


class Projection(FeatureExtractorBase):
    """Pixels through a fixed random matrix."""

    def __init__(self, name, features_list, **_):
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list():
        return ("random",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return "random"

    def forward(self, pictures):
        assert pictures.dtype == torch.uint8, pictures.dtype
        assert pictures.shape[1] == 3, pictures.shape
        pixels = pictures.float().flatten(1) / 255
        generator = torch.Generator().manual_seed(0)
        matrix = torch.randn(pixels.shape[1], 16, generator=generator)
        return (pixels @ matrix / pixels.shape[1] ** 0.5,)


def main(paths):
    torch_fidelity.register_feature_extractor("projection", Projection)
    for path in paths:
        (noise,) = onnx.load(path).graph.input
        size = noise.type.tensor_type.shape.dim[1].dim_value
        found = torch_fidelity.calculate_metrics(
            input1=path,
            input1_model_z_type="normal",
            input1_model_z_size=size,
            input1_model_num_samples=PICTURES,
            isc=True,
            isc_splits=2,
            feature_extractor="projection",
            batch_size=50,
            cuda=False,
            cache=False,
            verbose=False,
        )
        assert found["inception_score_mean"] > 1.0, found
        print(f"{path}: {PICTURES} pictures of noise of {size} values taken")


if __name__ == "__main__":
    main(sys.argv[1:])
