"""Known faults of runtimes: what they compute otherwise than Caffe, and how that is known.

MNN, for whoever runs it: never import ``MNN.tools``. On import ``MNN.tools.utils.log`` calls ``pip install`` (a package
for logging, which takes protobuf back to 5) and asks a server for credentials; its ``mnnconvert`` then sends what was
converted. The converter itself needs none of that::

    import MNN, _tools  # in this order: the second finds its libraries through the first
    _tools.mnnconvert(["mnnconvert", "-f", "CAFFE", "--modelFile", caffemodel, "--prototxt", prototxt, "--MNNModel", mnn])

It prints to the process's stdout, and writes no file where it fails.
"""
