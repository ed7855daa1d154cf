"""Building what the pretend CUDA consists of: its libraries, once, and each kernel that CuPy asks for."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import nvidia

HERE = Path(__file__).parent
FLAGS = ("-O1", "-w", "-fPIC", "-fno-strict-aliasing")


@functools.cache
def _backends() -> Path:
    found = importlib.util.find_spec("cupy_backends")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])


def extension(name: str) -> Path:
    """Return the file of one of CuPy's modules for CUDA's libraries."""
    return next((_backends() / "cuda").glob(f"{name}.*.so"))


def _place(what: str, *made_of: Path) -> Path:
    """Return a folder in the user's cache whose name changes with the files that its contents are made of."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    hashed = hashlib.sha256(b"".join(path.read_bytes() for path in made_of))
    return cache / "cuda_on_host" / f"{what}-{hashed.hexdigest()[:16]}"


def kernels() -> Path:
    """Return the folder in which CuPy keeps compiled kernels."""
    return _place("kernels", HERE / "device.h", HERE / "building.py")


@functools.cache
def home() -> Path:
    """Return the folder of the libraries, built when there is none for these sources."""
    home = _place("libraries", extension("libs/cublas"), *sorted(HERE.glob("*.cpp")), HERE / "device.h", Path(__file__))
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as made:
            _build(Path(made) / "all")
            with contextlib.suppress(OSError):  # somebody else was quicker
                (Path(made) / "all").rename(home)
    return home


def _build(folder: Path) -> None:
    include = folder / "include"
    include.mkdir(parents=True)
    for name in ("cuda_fp16.h", "cuda_bf16.h", "thrust/detail/config/namespace.h"):  # CuPy's headers include them
        (include / name).parent.mkdir(parents=True, exist_ok=True)
        (include / name).write_text("// in device.h\n")
    (include / "device.h").write_text((HERE / "device.h").read_text())
    common = [f"#include <cupy/{name}>" for name in ("complex.cuh", "carray.cuh", "atomics.cuh", "math_constants.h")]
    (include / "all.h").write_text("\n".join(['#include "device.h"', *common, ""]))
    headers = _backends().with_name("cupy") / "_core/include"
    command = ["g++", "-std=c++17", *FLAGS, f"-I{include}", f"-I{headers}", "-x", "c++-header", str(include / "all.h")]
    subprocess.run(command, check=True)  # read once for all kernels: compiling one takes half the time

    driver = library(folder / "libcuda.so.1", HERE / "driver.cpp")
    # The compiler's functions are in the same library; this one brings their other name. The last is only looked for.
    library(folder / "libnvrtc.so.12", "-Wl,--no-as-needed", driver)
    library(folder / "libcublasLt.so.12", "-x", "c++", "/dev/null")
    wanted = [line.split()[-1] for line in symbols(extension("libs/cublas"), "-D", "-u")]
    names = [name.split("@")[0] for name in wanted if name.startswith("cublas")]
    refusals = [f"__attribute__((weak)) int {name}(void) {{ return 15; }}" for name in names]
    (folder / "refusals.c").write_text("\n".join(refusals))
    (folder / "versions").write_text("libcublas.so.12 { global: *; };")
    subprocess.run(["gcc", "-c", "-fPIC", "refusals.c"], cwd=folder, check=True)
    script = f"-Wl,--version-script={folder / 'versions'}"
    library(folder / "libcublas.so.12", HERE / "blas.cpp", folder / "refusals.o", script)


def library(path: Path, *args: str | Path) -> Path:
    """Build a shared library that is found by its file's name."""
    make = ["g++", "-std=c++17", "-O2", "-fPIC", "-shared", f"-Wl,-soname,{path.name}", "-o", path, *args, "-ldl"]
    subprocess.run(make, check=True)
    return path


def symbols(path: Path, *options: str) -> list[str]:
    """Return what ``nm`` says about a library, a line a symbol."""
    return subprocess.run(["nm", *options, path], check=True, capture_output=True, text=True).stdout.splitlines()


# ---------------------------------------------------------------------------------------------- kernels


def compiled(source: str, options: list[str], names: list[str]) -> tuple[bytes, str]:
    """Return a shared library with a module's kernels, and what the compiler said."""
    if not source.strip():  # CuPy asks for the compiler's version like this
        return f"// {kernels().name} {os.environ.get('CUDA_ON_HOST_NVRTC', '')}\n".encode(), ""
    if os.environ.get("CUDA_ON_HOST_NVRTC") and (log := nvidia.refused(source, options, names)):
        return b"", log
    with tempfile.TemporaryDirectory() as folder:
        text, made = Path(folder, "kernel.cpp"), Path(folder, "kernel.so")
        text.write_text(host_source(source, names))
        passed = [option for option in options if option.startswith(("-I", "-D"))]
        include = home() / "include"
        flags = ["-std=c++17", f"-I{include}", *passed, *FLAGS, "-shared", "-include", str(include / "all.h")]
        command = ["g++", *flags, str(text), "-o", str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (made.read_bytes() if done.returncode == 0 else b""), done.stderr


def host_source(source: str, names: Sequence[str] = ()) -> str:
    """Return CUDA source as C++ that g++ compiles after `device.h`, with an entry for every kernel.

    Parameters
    ----------
    source : str
        CUDA C++.
    names : sequence of str
        Instances of templates that are wanted, such as ``"scale<float>"``; their entries are ``named_0`` and so on.
    """
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)
    if re.search(r"__sync|_sync\s*\(", plain):
        way = 2  # threads wait for each other
    elif re.search(r"\b(threadIdx|blockIdx|blockDim|gridDim)\b", plain):
        way = 1  # one after the other
    else:
        way = 0  # all elements in one loop: nothing but CuPy's CUPY_FOR asks which thread it is
    dynamic = r"extern\s+__shared__\s+(?:__align__\s*\([^)]*\)\s*)?([\w:<>\s]+?)\s*(\w+)\s*\[\s*\]\s*;"
    source = re.sub(dynamic, r"\1* \2 = static_cast<\1*>(host_dynamic_shared());", source)
    entries = [f"HOST_ENTRY(named_{i}, {name})" for i, name in enumerate(names)]
    for found in re.finditer(r"([^;{}]*)__global__\s+([^;{}]*?)(\w+)\s*\([^;{}]*\)\s*\{", plain):
        if "template" not in found[1]:
            entries.append(f"HOST_ENTRY({found[3]}, {found[3]})")
    return f'{source}\nextern "C" int host_way = {way};\n' + "\n".join(entries) + "\n"
