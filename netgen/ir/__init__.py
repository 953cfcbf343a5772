"""The graph and what its operators declare. Imports neither torch, onnx, protobuf, jinja2 nor lark."""
