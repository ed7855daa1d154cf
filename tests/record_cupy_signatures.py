"""Record what the real CuPy knows: functions with their arguments, ufuncs with their types, methods of arrays.

    python tests/record_cupy_signatures.py

writes ``cupy_signatures.json``, by which ``strict_array.py`` refuses what CuPy would refuse. It needs CuPy, and no GPU:
nothing is computed, for what would be is asked of arrays whose memory nobody reads.
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("cupy_signatures.json")
MODULES = ("", "linalg", "fft", "random", "lib.stride_tricks")
METHODS = ("reduce", "accumulate", "reduceat", "outer")
TYPES = "?bBhHiIlLefdFD"


def arguments(signature: inspect.Signature) -> list[str]:
    """The arguments of a function: ``x`` is needed, ``x=`` is not; ``/`` and ``*`` mean what they do in Python."""
    kinds = inspect.Parameter
    found, starred = [], False
    parameters = list(signature.parameters.values())
    for i, parameter in enumerate(parameters):
        stars = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is kinds.KEYWORD_ONLY and not starred:
            found.append("*")
            starred = True
        starred = starred or parameter.kind is kinds.VAR_POSITIONAL
        found.append(stars + parameter.name + ("" if parameter.default is kinds.empty else "="))
        following = parameters[i + 1].kind if i + 1 < len(parameters) else None
        if parameter.kind is kinds.POSITIONAL_ONLY is not following:
            found.append("/")
    return found


def documented(line: str) -> list[str]:
    """The same from the first line of a docstring, which is where Cython keeps the arguments of what it compiled."""
    inner = line[line.index("(") + 1 : line.rindex(")")]
    found = []
    for part in re.sub(r"^self(, |$)", "", inner).split(", "):
        name, equals, _ = part.partition("=")
        if name:
            found.append(name.split()[-1] + equals)
    return found


def array(cupy: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """An array over memory of the host, which only looks like one of a GPU."""
    host = np.zeros(64)
    memory = cupy.cuda.memory.UnownedMemory(host.ctypes.data, host.nbytes, host, device_id=0)
    return cupy.ndarray(shape, dtype, memptr=cupy.cuda.memory.MemoryPointer(memory, 0))


def knows(call: Any, *refusals: type[Exception]) -> bool:
    """Whether CuPy would do this: it then fails for want of a GPU, and with none of the refusals."""
    try:
        call()
    except refusals:
        return False
    except Exception:
        return True
    return True


def of_ufunc(cupy: Any, ufunc: Any) -> dict[str, Any]:
    """Types of its loops, and which methods it has; those of ``at`` by the types of arrays that it takes."""
    row, rows = array(cupy, (4,), "f4"), array(cupy, (4, 1), "i8")
    given = {"reduceat": (row, array(cupy, (2,), "i8")), "outer": (row, row)}
    kept = [
        name for name in METHODS if knows(lambda n=name: getattr(ufunc, n)(*given.get(n, (row,))), NotImplementedError)
    ]
    added = [
        t
        for t in TYPES
        if knows(
            lambda t=t: ufunc.at(array(cupy, (4,), t), rows[:, 0], array(cupy, (4,), t)), NotImplementedError, TypeError
        )
    ]
    return {"types": list(ufunc.types), "methods": kept, "at": "".join(added)}


def recorded(cupy: Any) -> dict[str, Any]:
    """Everything, by name."""
    functions: dict[str, list[str]] = {}
    ufuncs: dict[str, Any] = {}
    for inner in MODULES:
        module = cupy
        for part in filter(None, inner.split(".")):
            module = getattr(module, part)
        for name in dir(module):
            value = getattr(module, name)
            called = f"{inner}.{name}".strip(".")
            if name.startswith("_") or not callable(value) or isinstance(value, type):
                continue
            if isinstance(value, cupy.ufunc):
                ufuncs[called] = of_ufunc(cupy, value)
                continue
            try:
                functions[called] = arguments(inspect.signature(value))
            except (TypeError, ValueError):
                line = (value.__doc__ or "").partition("\n")[0]
                functions[called] = documented(line) if "(" in line else ["*args", "**kwargs"]
    methods, attributes = {}, []
    for name in dir(cupy.ndarray):
        value = getattr(cupy.ndarray, name)
        if name.startswith("_"):
            continue
        if callable(value):
            methods[name] = documented((value.__doc__ or f"{name}(*args, **kwargs)").partition("\n")[0])
        else:
            attributes.append(name)
    special = [n for n in dir(cupy.ndarray) if re.fullmatch(r"__[a-z]+__", n)]
    return {
        "version": cupy.__version__,
        "functions": functions,
        "ufuncs": ufuncs,
        "methods": methods,
        "attributes": attributes,
        "special": special,
        "flags": [n for n in dir(array(cupy, (1,), "f4").flags) if not n.startswith("_")],
    }


def main() -> None:
    import cupy

    found = recorded(cupy)
    lines = [f'"version": {json.dumps(found["version"])}']
    for part in ("functions", "ufuncs", "methods"):
        entries = ",\n  ".join(
            f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(found[part].items())
        )
        lines.append(f'"{part}": {{\n  {entries}\n }}')
    lines += [f'"{part}": {json.dumps(found[part])}' for part in ("attributes", "special", "flags")]
    FILE.write_text("{\n " + ",\n ".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
