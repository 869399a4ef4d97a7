"""How fast B-scans are analysed, as ratios measured in one run on one machine."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.analysis import analyse
from app.engine import BATCH, Engine
from app.installed import choose_package
from app.preprocess import prepare
from app.reading import open_studies
from tests.benchmarks.conftest import SIZE
from tests.torch_package import varied_frames

pytestmark = pytest.mark.benchmark


def seconds(work, repeats=3):
    """The shortest of some runs: what else the machine does only ever adds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def run_network(engine, frames):
    with ThreadPoolExecutor(engine.lanes) as pool:
        for _ in pool.map(engine.infer, np.split(frames, range(BATCH, len(frames), BATCH))):
            pass


def test_bscans_per_second_against_torch_and_the_grad_cam_package(network_and_package):
    """Against the pipeline anyone would write: a timm model, pytorch_grad_cam frame by frame."""
    import torch
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, package = network_and_package
    frames = varied_frames(16, *SIZE)
    engine = Engine(package)
    run_network(engine, frames)
    n_classes = len(package.card.classes)

    def explain(count, classes):
        with GradCAM(model=network, target_layers=[network.bn2]) as method:
            for frame in frames[:count]:
                for index in range(classes):
                    method(torch.from_numpy(frame[None]), [ClassifierOutputTarget(index)])

    explain(1, 1)
    ours = len(frames) / seconds(lambda: run_network(engine, frames))
    all_classes = 4 / seconds(lambda: explain(4, n_classes))
    one_class = 4 / seconds(lambda: explain(4, 1))
    print(
        f"\n{ours:.1f} B-scans/s with maps of all {n_classes} classes; torch and grad-cam "
        f"{all_classes:.2f} ({ours / all_classes:.1f} x), with the map of one class only "
        f"{one_class:.2f} ({ours / one_class:.1f} x)"
    )
    assert ours >= 12 * all_classes


def test_whole_analysis_against_the_bare_network(package, volume_file):
    """A volume of 128 frames from opening the file to the call; the engine is loaded for both."""
    path = volume_file(128)
    engine = Engine(package)
    [study] = open_studies([path]).studies
    spec = package.card.input
    frames = np.stack([prepare(each.pixels(), spec).tensor for each in study.volumes[0].bscans])

    def whole():
        [opened] = open_studies([path]).studies
        analyse(opened, package, engine=engine)

    def both_times(work):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - wall, time.process_time() - processor

    run_network(engine, frames[: 2 * BATCH])
    bare, all_of_it = [], []
    for _ in range(4):  # in turn, so that a busy moment of the machine meets both
        bare.append(both_times(lambda: run_network(engine, frames)))
        all_of_it.append(both_times(whole))
    network_s, network_cpu = np.min(bare, axis=0)
    whole_s, whole_cpu = np.min(all_of_it, axis=0)
    ratio = whole_s / network_s
    print(
        f"\n128 frames of 496 x 768: {whole_s:.2f} s whole, {network_s:.2f} s bare network: "
        f"{ratio:.2f} x (processor time {whole_cpu / network_cpu:.2f} x)"
    )
    assert ratio <= 1.2


def test_what_the_unfamiliarity_gate_costs_beside_the_network():
    """The package that ships, and the same graph without the gate's output."""
    import onnx
    import onnxruntime

    package = choose_package()
    whole = onnx.load(package.folder / "model.onnx")
    bare = onnx.load(package.folder / "model.onnx")
    kept = [each for each in bare.graph.output if each.name != "unfamiliarity"]
    del bare.graph.output[:]
    bare.graph.output.extend(kept)
    spec = package.card.input
    frames = {"frames": varied_frames(BATCH, len(spec.mean), spec.height, spec.width)}
    with_gate, without = (
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for model in (whole, bare)
    )

    ratio = seconds(lambda: with_gate.run(None, frames), 7) / seconds(
        lambda: without.run(None, frames), 7
    )

    print(f"\nwith the gate {ratio:.4f} of the time without")
    assert ratio < 1.05
