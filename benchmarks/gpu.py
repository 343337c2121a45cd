"""The network of stays on a GPU: seconds an epoch, claims a second, memory, and how far from the bandwidth.

    python -m benchmarks.gpu [--device cuda|cpu] [--edges 50000000] [--epochs 5] [--out FILE]

A made-up graph of edges / 13 stays, each with one entity of every relation and entities as large as real
ones (``STAYS_EACH``), 1 % of the stays labelled, a tenth of them as fraud. Its arrays are drawn with NumPy
on the host. Measured, for both kinds of network in float32 and, on CUDA, under autocast to bfloat16:
an epoch (forward, backward, step; after one that warms up) and a pass without gradients to margins on
the host, with the memory of each. Half as many edges are taken until the device holds them.

``share_of_bandwidth`` is what a pass without gradients has to move at least, divided by its seconds, over
what a large copy or addition moves on this device in this run. Per relation and step, with w numbers
a stay and n stays, the running sum being float64:

    gather       n (8 + 4w) read, 8wn written    (8: an index)
    running sum  8wn read, 8wn written
    two reads    2n (8 + 8w)
    output       4wn written

and for each label of ``partition``, at its first step, the same with its few events in the first two lines
and all n stays in the others. Linear layers, counts and autograd's own copies are on top and not counted. An
epoch has to move twice that: each line has a gradient, which moves as much the other way.

``sums`` are one step of all relations without the network: as the product does it, and with a running
sum of float32, and how far apart the means are. On CUDA a small graph is also judged on both devices.
Without ``--device`` CUDA is taken, or 2,000,000 edges on the CPU; exit status 2 if CUDA is asked for and
there is none. Prints one JSON line; ``--out`` also writes it.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.assess_real_claims import machine
from domain.tables import Tables
from graph_models.stays import links
from graph_models.stays.fitting import LEARNING_RATE, Learnt, fit_network, pretrain, run, surprise
from graph_models.stays.ground import UNKNOWN, Graph, Known, Scaling, inputs
from graph_models.stays.network import KINDS, STEPS, WIDTH, Guess, StayNetwork
from graph_models.stays.prefix import Prefix
from graph_models.stays.reading import OWN, RELATIONS, read
from graph_models.training import few_threads

SEED: Final = 20261129
ON_CUDA: Final = 50_000_000
ON_CPU: Final = 2_000_000
COMPARED: Final = 13 * 4_000
"""Edges of the graph that both devices judge."""
FEWEST: Final = 13 * 100
LABELLED: Final = 0.01
FRAUD: Final = 0.1
DAYS: Final = 730
LONGEST: Final = 20.0
"""Seconds after which no further epoch of a kind begins."""
PASSES: Final = 3
NEEDED: Final = 1_300
"""Bytes an edge that learning takes, as seen on the CPU: its system ends a process instead of refusing memory."""
MATTER: Final = 256 * 2**20
"""Bytes of the arrays that the bandwidth is measured with, a sixteenth of those on CUDA."""
STAYS_EACH: Final[dict[str, float]] = {
    "patient": 2, "phone": 1.5, "address": 1.8, "bank_account": 1.8, "bill": 1.05, "joint": 1.1,
    "circle": 3, "route": 50, "physician": 1_000, "provider": 20_000, "department": 2_000,
    "employer": 200,
}  # fmt: skip
"""Stays of one entity; relations that are not here have ``CATEGORIES`` entities."""
CATEGORIES: Final = 500


class NoDeviceError(Exception):
    """CUDA was asked for and is not there."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A graph on its device, ready for the network."""

    graph: Graph
    x: Tensor
    build_s: float

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self.x.device

    @property
    def stays(self) -> int:
        """How many."""
        return len(self.x)


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--device", choices=["cuda", "cpu"])
    asked.add_argument("--edges", type=int)
    asked.add_argument("--epochs", type=int, default=5)
    asked.add_argument("--out", type=Path)
    given = asked.parse_args()
    try:
        device = choose(given.device)
    except NoDeviceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    edges = given.edges or (ON_CUDA if device.type == "cuda" else ON_CPU)
    with few_threads():
        told = largest(edges, device, given.epochs)
        if device.type == "cuda":
            told["cpu_and_cuda"] = compared(device)
    told["when"] = datetime.now(UTC).isoformat(timespec="seconds")
    line = json.dumps(told)
    if given.out:
        given.out.write_text(line + "\n")
    print(line)


def choose(asked: str | None) -> torch.device:
    """The device; says so when there is no GPU."""
    if torch.cuda.is_available() and asked != "cpu":
        return torch.device("cuda", torch.cuda.current_device())
    if asked == "cuda":
        raise NoDeviceError(
            "No CUDA device was found by PyTorch: run this where one is, or with --device cpu."
        )
    if asked is None:
        print(f"No CUDA device: the CPU, with {ON_CPU:,} edges unless --edges says otherwise.")
    return torch.device("cpu")


def largest(edges: int, device: torch.device, epochs: int) -> dict[str, Any]:
    """All figures of the largest graph of at most so many edges that the device holds."""
    asked = edges
    while edges >= FEWEST:
        try:
            return {"edges_asked": asked, **measure(edges, device, epochs)}
        except (torch.OutOfMemoryError, MemoryError):
            print(f"{edges:,} edges do not fit into memory: half as many", flush=True)
            edges //= 2
        # Outside of `except`, whose traceback would hold the arrays.
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    raise MemoryError(f"not even {FEWEST} edges fit")


def measure(edges: int, device: torch.device, epochs: int) -> dict[str, Any]:
    """All figures of one graph."""
    if device.type == "cpu" and edges * NEEDED > status("/proc/meminfo", "MemAvailable"):
        raise MemoryError
    limit = bandwidth(device)
    print(f"{describe(device)}: copies and additions move {limit / 1e9:,.0f} GB/s", flush=True)
    made = build(edges, device)
    real = made.stays * len(RELATIONS)
    print(
        f"{made.stays:,} stays, {real:,} edges; prefixes built in {made.build_s:.1f} s", flush=True
    )
    told = {
        "device": describe(device),
        "machine": machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "edges": real,
        "stays": made.stays,
        "build_s": round(made.build_s, 2),
        "bandwidth_gb_s": round(limit / 1e9, 1),
        "sums": sums(made, limit),
    }
    kinds = [network(made, kind, dtype, epochs, limit) for kind in KINDS for dtype in types(device)]
    return {**told, "networks": kinds}


def build(edges: int, device: torch.device, seed: int = SEED) -> Bench:
    """A graph of so many edges; the time is that of its prefixes, the copy to the device included."""
    rng = np.random.default_rng(seed)
    n = edges // len(RELATIONS)
    codes = {
        r: rng.integers(0, math.ceil(n / STAYS_EACH[r]) if r in STAYS_EACH else CATEGORIES, n)
        for r in RELATIONS
    }
    own = rng.random((n, len(OWN)))
    day = np.sort(rng.integers(0, DAYS, n))
    label = np.where(rng.random(n) < LABELLED, (rng.random(n) < FRAUD).astype(np.int64), UNKNOWN)
    label[:2] = (1, 0)
    none = read(Tables.of(), upto=date.max)
    stays = replace(none, ids=[""] * n, known=day, own=own)
    linked = rng.integers(0, 5, (n, len(links.NAMES))).astype(np.float64)
    given = inputs(own, linked)
    x = Scaling.fit(given[:100_000]).apply(given).to(device)
    del given, linked
    began = time.perf_counter()
    graph = Graph(codes, stays, Known(label, day + 30), device=device)
    wait(device)
    return Bench(graph, x, time.perf_counter() - began)


def network(
    made: Bench, kind: str, dtype: torch.dtype, epochs: int, limit: float
) -> dict[str, Any]:
    """An epoch and a pass of one kind of network in one precision."""
    torch.manual_seed(SEED)
    judge = StayNetwork(kind, made.x.shape[1]).to(made.device)
    fresh_peak(made.device)
    train_s = trained(made, judge, dtype, epochs)
    train_peak = peak(made.device)
    fresh_peak(made.device)
    passes = [seconds(lambda: passed(made, judge, dtype), made.device) for _ in range(PASSES)]
    best, epoch = min(passes), statistics.median(train_s)
    least = least_bytes(made, kind)
    told = {
        "kind": kind,
        "dtype": str(dtype).removeprefix("torch."),
        "epoch_s": round(epoch, 4),
        "epochs_s": [round(s, 4) for s in train_s],
        "train_peak_mib": train_peak,
        "pass_s": round(best, 4),
        "claims_per_second": round(made.stays / best),
        "pass_peak_mib": peak(made.device),
        "least_gb": round(least / 1e9, 3),
        "share_of_bandwidth": round(least / best / limit, 4),
        "epoch_share_of_bandwidth": round(2 * least / epoch / limit, 4),
    }
    print(
        f"{kind}, {told['dtype']}: {epoch:.3f} s an epoch ({train_peak:,} MiB), "
        f"{told['claims_per_second']:,} claims a second ({told['pass_peak_mib']:,} MiB), "
        f"{told['share_of_bandwidth']:.1%} of the bandwidth in a pass, "
        f"{told['epoch_share_of_bandwidth']:.1%} in an epoch",
        flush=True,
    )
    return told


def trained(made: Bench, judge: StayNetwork, dtype: torch.dtype, epochs: int) -> list[float]:
    """Seconds of each epoch, as ``fitting.fit_network`` has them, without its check after each."""
    label = made.graph.known.label
    rows = np.flatnonzero(label != UNKNOWN)
    at = torch.from_numpy(rows).to(made.device)
    y = torch.from_numpy((label[rows] == 1).astype(np.float32)).to(made.device)
    loss_of = nn.BCEWithLogitsLoss()
    optimiser = torch.optim.AdamW(judge.parameters(), LEARNING_RATE)
    judge.train()

    def epoch() -> None:
        optimiser.zero_grad()
        with cast_to(dtype, made.device):
            loss = loss_of(judge(made.x, made.graph)[0][at].float(), y)
        loss.backward()
        optimiser.step()

    warm = seconds(epoch, made.device)
    took: list[float] = []
    while len(took) < epochs and (not took or warm + sum(took) < LONGEST):
        took.append(seconds(epoch, made.device))
    return took


def passed(made: Bench, judge: StayNetwork, dtype: torch.dtype) -> None:
    """All margins, on the host."""
    with cast_to(dtype, made.device):
        run(judge, made.graph, made.x)


def sums(made: Bench, limit: float) -> dict[str, Any]:
    """What float64 costs in the running sums, and what it is good for."""
    said = torch.randn(made.stays, WIDTH, device=made.device)
    prefixes = list(made.graph.plain.values())
    took = {}
    with torch.no_grad():
        off = max(float((p.mean(said) - narrow(p, said)).abs().max()) for p in prefixes)
        for name, mean in (("float64", Prefix.mean), ("float32", narrow)):
            tried = [seconds(lambda m=mean: each(m, prefixes, said), made.device) for _ in range(2)]  # type: ignore[misc]
            took[name] = min(tried)
    least = moved(made.stays, made.stays) * len(prefixes)
    told = {
        "float64_s": round(took["float64"], 4),
        "float32_s": round(took["float32"], 4),
        "float64_share_of_bandwidth": round(least / took["float64"] / limit, 4),
        "largest_difference": off,
    }
    print(
        f"running sums of {len(prefixes)} relations: {took['float64']:.3f} s in float64, "
        f"{took['float32']:.3f} s in float32, whose means are off by up to {off:.2g}",
        flush=True,
    )
    return told


def each(mean: Callable[[Prefix, Tensor], Tensor], prefixes: list[Prefix], said: Tensor) -> None:
    """One step of all relations."""
    for prefix in prefixes:
        mean(prefix, said)


def narrow(prefix: Prefix, x: Tensor) -> Tensor:
    """``Prefix.mean`` with a running sum of float32."""
    running = torch.cat([x.new_zeros(1, x.shape[1]), x[prefix.rows].cumsum(0)])
    summed = running[prefix.high] - running[prefix.low]
    if prefix.own.any():
        summed = summed - torch.where(prefix.own[:, None], x[: len(prefix.own)], 0.0)
    averaged = summed / prefix.count.clamp(min=1)[:, None]
    return torch.where(prefix.count[:, None] > 0, averaged, 0.0)


def least_bytes(made: Bench, kind: str) -> int:
    """Bytes that a pass must move at least: see above."""
    plain = STEPS * sum(moved(made.stays, len(p.rows)) for p in made.graph.plain.values())
    if kind == "sage":
        return plain
    return plain + sum(moved(made.stays, len(p.rows)) for p in made.graph.apart.values())


def moved(asking: int, events: int) -> int:
    """Of one prefix."""
    gather = events * (8 + 4 * WIDTH + 8 * WIDTH)
    running = events * 2 * 8 * WIDTH
    return gather + running + asking * (2 * (8 + 8 * WIDTH) + 4 * WIDTH)


def bandwidth(device: torch.device) -> float:
    """Bytes a second of the faster of a large copy and a large addition."""
    size = MATTER * (16 if device.type == "cuda" else 1) // 4
    one, two = (torch.ones(size, device=device) for _ in range(2))
    out = torch.empty_like(one)
    best = 0.0
    for work, arrays in ((lambda: out.copy_(one), 2), (lambda: torch.add(one, two, out=out), 3)):
        took = min(seconds(work, device) for _ in range(6))
        best = max(best, arrays * 4 * size / took)
    return best


def compared(device: torch.device) -> dict[str, Any]:
    """The same small graph on both devices: largest differences, and whether learning runs there."""
    try:
        here, there = build(COMPARED, torch.device("cpu")), build(COMPARED, device)
        told: dict[str, Any] = {"stays": here.stays}
        for kind in KINDS:
            one, two = answers(here, kind), answers(there, kind)
            told[kind] = {name: apart(value, two[name]) for name, value in one.items()}
        told["learning"] = learns(there)
    except RuntimeError as error:  # the large figures must not be lost
        told = {"failed": str(error)}
    print(f"CPU and CUDA: {json.dumps(told)}", flush=True)
    return told


def answers(made: Bench, kind: str) -> dict[str, Any]:
    """What the product asks of the device, from the same weights everywhere."""
    torch.manual_seed(SEED)
    judge = StayNetwork(kind, made.x.shape[1])
    learnt = Learnt(judge.to(made.device), Guess(made.x.shape[1]).eval().to(made.device))
    again = made.graph.again(DAYS + 60)
    margin, said = run(judge, made.graph, made.x)
    return {
        "margin": margin,
        "again": run(judge, again, made.x, said)[0],
        "surprise": surprise(learnt, again, made.x, said),
        "heard": made.graph.heard(made.graph.links()),
    }


def apart(one: Any, two: Any) -> float:
    """The largest difference; infinite if they do not lack the same."""
    if not np.array_equal(np.isnan(one), np.isnan(two)):
        return math.inf
    return float(np.nanmax(np.abs(one - two)))


def learns(made: Bench) -> str:
    """One epoch without labels, then with them."""
    everything = np.ones(made.stays, dtype=np.bool_)
    start = pretrain(made.graph, made.x, everything, kind="partition", seed=SEED, epochs=1)
    fit_network(made.graph, made.x, everything, kind="partition", seed=SEED, start=start.network)
    return "runs"


def types(device: torch.device) -> list[torch.dtype]:
    """Precisions worth measuring on the device."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return [torch.float32, torch.bfloat16]
    return [torch.float32]


def cast_to(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Autocast, or nothing for float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Of one call, until the device has finished."""
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def wait(device: torch.device) -> None:
    """Until the device has nothing left to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fresh_peak(device: torch.device) -> None:
    """Count the highest memory from now on."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> int:
    """MiB: the most that tensors took on CUDA, or this process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return status("/proc/self/status", "VmHWM") // 2**20


def status(file: str, name: str) -> int:
    """Bytes of a line that states KiB."""
    lines = Path(file).read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def describe(device: torch.device) -> str:
    """Its name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


if __name__ == "__main__":
    main()
