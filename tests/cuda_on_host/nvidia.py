"""NVIDIA's own compiler as a second opinion: does it take the source that runs on the host?

It needs no GPU. With ``nvidia-cuda-nvrtc-cu12`` and ``nvidia-cuda-runtime-cu12`` installed and ``CUDA_ON_HOST_NVRTC=1``
set, every kernel is given to it, too, and what it refuses is refused here.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any


@functools.cache
def _library() -> Any:
    found = importlib.util.find_spec("nvidia.cuda_nvrtc")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("CUDA_ON_HOST_NVRTC=1 needs the package nvidia-cuda-nvrtc-cu12")
    return ctypes.CDLL(str(Path(found.submodule_search_locations[0]) / "lib/libnvrtc.so.12"))


def refused(source: str, options: Sequence[str], names: Sequence[str]) -> str:
    """Return what the compiler says against a kernel's source, nothing if it takes it."""
    nvrtc, program = _library(), ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        for name in names:
            nvrtc.nvrtcAddNameExpression(program, name.encode())
        given = [option.encode() for option in options if option]
        if not nvrtc.nvrtcCompileProgram(program, len(given), (ctypes.c_char_p * len(given))(*given)):
            return ""
        size = ctypes.c_size_t()
        nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        nvrtc.nvrtcGetProgramLog(program, log)
        return "NVIDIA's compiler: " + log.value.decode()
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
