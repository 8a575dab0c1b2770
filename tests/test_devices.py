"""Devices and precisions: what auto means, and refusals that name the way out."""

import pytest
import torch

from models.devices import is_out_of_memory, resolve_device, resolve_precision

CPU = torch.device("cpu")


def test_devices():
    assert resolve_device("cpu") == CPU
    with pytest.raises(ValueError, match="no such device: toaster"):
        resolve_device("toaster")
    with pytest.raises(ValueError, match="there is no device cuda:99 here"):
        resolve_device("cuda:99")


@pytest.mark.parametrize(
    ("ability", "dtype"),
    [("amx_bf16", torch.bfloat16), ("avx512_bf16", torch.bfloat16), ("avx2", torch.float32)],
)
def test_auto_is_bf16_only_where_the_processor_is_made_for_it(monkeypatch, ability, dtype):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {ability: True})
    assert resolve_precision("auto", CPU) == dtype


def test_a_named_precision_is_taken():
    assert resolve_precision("fp32", CPU) == torch.float32
    assert resolve_precision("bf16", CPU) == torch.bfloat16
    with pytest.raises(ValueError, match="no precision is called 'int4'"):
        resolve_precision("int4", CPU)
    with pytest.raises(ValueError, match="fp16 is not for CPUs"):
        resolve_precision("fp16", CPU)


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate "
                      "memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("expected scalar type Float"), False),
    ],
)  # fmt: skip
def test_full_memory_is_told_from_other_failures(error, full):
    assert is_out_of_memory(error) == full
