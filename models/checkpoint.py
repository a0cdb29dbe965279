"""Weights on disk: one ``NAME.safetensors`` beside one ``NAME.json``; never pickle.

The JSON holds what is needed to build the net (``config``), how it was trained (``training``), and the
SHA-256 of the safetensors file. Loading checks the hash and each tensor's name and shape.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from worldgen.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

Net = TypeVar("Net", bound="nn.Module")
WEIGHTS = Path(__file__).parent / "weights"


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(net: nn.Module, path: Path, *, config: dict[str, Any], training: dict[str, Any]) -> None:
    """Write ``path`` (``.safetensors``) and the JSON beside it, each under a temporary name first.

    Parameters
    ----------
    net : torch module whose ``state_dict`` is saved as contiguous tensors.
    path : file that ends in ``.safetensors``.
    config : keyword arguments that rebuild the net.
    training : command, seed, data, figures: whatever tells how the weights came about.
    """
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    temporary = path.with_name(path.name + ".part")
    save_file(tensors, str(temporary))
    os.replace(temporary, path)
    record = {"config": config, "sha256": file_hash(path), "training": training}
    sidecar = path.with_suffix(".json")
    temporary = sidecar.with_name(sidecar.name + ".part")
    temporary.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(temporary, sidecar)


def read_record(path: Path) -> dict[str, Any]:
    """Read the JSON beside a weight file and check the file's hash.

    Raises
    ------
    WeightsError : a file is absent, is not JSON, or has another hash than the JSON says.
    """
    sidecar = path.with_suffix(".json")
    for file in (path, sidecar):
        if not file.is_file():
            raise WeightsError(f"weights not found: {file}")
    try:
        record: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8"))
        expected = record["sha256"]
    except (ValueError, KeyError) as error:
        raise WeightsError(f"{sidecar} is not a worldgen weight record: {error}") from error
    found = file_hash(path)
    if found != expected:
        raise WeightsError(
            f"{path} is damaged or was replaced: SHA-256 is {found}, its record says {expected}"
        )
    return record


def load_net(kind: type[Net], path: Path) -> Net:
    """Build a net from the config beside ``path`` and load its weights, ready for inference.

    Raises
    ------
    WeightsError : the weights are absent, damaged, or of another net.
    """
    config = read_record(path)["config"]
    try:
        net = kind(**config)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{path} holds no {kind.__name__}: its config is {config}") from error
    load_weights(net, path)
    return net.eval().requires_grad_(False)


def load_weights(net: nn.Module, path: Path) -> None:
    """Copy the tensors of ``path`` into ``net`` after checking hash, names and shapes.

    Raises
    ------
    WeightsError : the file is absent or damaged, or a tensor's name or shape differs from the net's.
    """
    from safetensors.torch import load_file

    read_record(path)
    tensors = load_file(str(path))
    state = net.state_dict()
    if tensors.keys() != state.keys():
        raise WeightsError(
            f"{path} does not fit the net: missing {sorted(state.keys() - tensors.keys())}, "
            f"unexpected {sorted(tensors.keys() - state.keys())}"
        )
    for name, tensor in tensors.items():
        if tensor.shape != state[name].shape:
            raise WeightsError(
                f"{path}: tensor '{name}' has shape {tuple(tensor.shape)}, "
                f"the net wants {tuple(state[name].shape)}"
            )
    net.load_state_dict(tensors)
