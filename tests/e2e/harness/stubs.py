"""Python stubs of every proto, generated at the start of a test run into a directory of its own.

    stubs.generate(directory)
    from epigrid.health_code.v1 import health_code_pb2, health_code_pb2_grpc
"""

import importlib.resources
import pathlib
import sys

from grpc_tools import protoc

from harness.processes import REPOSITORY


def generate(directory):
    """Generates the stubs and makes them importable."""
    protos = REPOSITORY / "protos"
    out = pathlib.Path(directory)
    out.mkdir(parents=True, exist_ok=True)
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    files = sorted(str(path.relative_to(protos)) for path in protos.rglob("*.proto"))
    status = protoc.main([
        "protoc", f"-I{protos}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}", *files])
    assert status == 0, f"protoc ended with {status}"
    sys.path.insert(0, str(out))
