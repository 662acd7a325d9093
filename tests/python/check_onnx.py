"""Checks ONNX files as onnx itself does: full check, and shape inference that may not guess.

Usage: python check_onnx.py FILE...   (prints one line a file; exit code 1 where one is wrong)
"""

import sys

import onnx
import onnx.checker
import onnx.shape_inference


def check(path: str) -> str:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    output = inferred.graph.output[0]
    dims = [d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim]
    return f"{path}: {len(model.graph.node)} nodes, opset {model.opset_import[0].version}, output {output.name} {dims}"


failed = False
for name in sys.argv[1:]:
    try:
        print(check(name))
    except Exception as error:  # whatever the checker raises is its verdict
        failed = True
        print(f"{name}: {error}")
sys.exit(1 if failed else 0)
