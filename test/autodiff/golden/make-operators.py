"""Writes operators.json: inputs and attributes, with their defaults, of the operators that have a gradient, by ONNX's own schemas."""
import json
import os
import re

import onnx

OPSET = 21
here = os.path.dirname(__file__)
with open(os.path.join(here, "../../../src/contracts/distill-step.ts")) as file:
    names = re.findall(r"'(\w+)'", re.search(r"TRAINABLE_OPERATORS = \[(.*?)\]", file.read(), re.S)[1])


def default(attribute):
    given = attribute.default_value
    value = onnx.helper.get_attribute_value(given) if given.name else None
    if isinstance(value, list):
        return [each.decode() for each in value]
    return value.decode() if isinstance(value, bytes) else value


def schema(name):
    found = onnx.defs.get_schema(name, OPSET)
    return {
        "inputs": [{"name": i.name, "kind": str(i.option).split(".")[-1].lower()} for i in found.inputs],
        "attributes": {key: default(attribute) for key, attribute in sorted(found.attributes.items())},
    }


content = {"source": f"onnx {onnx.__version__}, operator set {OPSET}", "operators": {name: schema(name) for name in names}}
with open(os.path.join(here, "operators.json"), "w") as file:
    json.dump(content, file, separators=(",", ":"))
