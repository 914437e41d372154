"""Generates the messages from the contract when the package is built. Needs protoc and its well-known types."""
import pathlib
import re
import shutil
import subprocess
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "protos"


class BuildWithMessages(build_py):
    def run(self):
        # setuptools leaves what an earlier build put there.
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        target = pathlib.Path(self.build_lib).resolve()
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder)
            # Other packages register google.api and google.rpc too, in other versions. The HTTP paths are of no use to a gRPC
            # client, and the error details get a name of their own.
            for proto in (PROTOS / "lookup/v1").glob("*.proto"):
                text = re.sub(r'\n    option \(google\.api\.http\) = \{.*?\};', "", proto.read_text(encoding="utf-8"), flags=re.DOTALL)
                self._write(source / "lookup/v1" / proto.name, text.replace('import "google/api/annotations.proto";\n', ""))
            for name in ("status.proto", "error_details.proto"):
                text = (PROTOS / "google/rpc" / name).read_text(encoding="utf-8")
                self._write(source / "lookup/v1" / f"rpc_{name}", text.replace("package google.rpc;", "package lookup.v1.rpc;"))
            files = sorted(str(path.relative_to(source)) for path in source.rglob("*.proto"))
            subprocess.run(["protoc", f"-I{source}", f"--python_out={target}", f"--pyi_out={target}", *files], cwd=source, check=True)

    @staticmethod
    def _write(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


setup(cmdclass={"build_py": BuildWithMessages})
