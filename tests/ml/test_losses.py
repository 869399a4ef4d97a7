import numpy as np
import pytest
import torch
from torch.nn import functional

from ml.config import Distill, Loss
from ml.losses import class_weights, classification_loss, distillation_loss, softened

LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3], [-1.0, 3.0, 0.0]])
LABELS = torch.tensor([0, 2, 1])


def test_that_a_weak_focal_loss_has_a_gradient_where_nothing_is_left_to_learn():
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)

    loss = classification_loss(
        logits, torch.tensor([0]), Loss(kind="focal", gamma=0.5), weights=None
    )
    loss.backward()

    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(logits.grad).all()


def test_that_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    labels = [0, 0, 0, 1, 2, 2]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)

    assert class_weights(labels, 3).tolist() == pytest.approx(expected.tolist())


def test_that_focal_loss_takes_p_from_the_softmax_before_weighting():
    weights = torch.tensor([0.5, 1.0, 4.0])
    p = torch.softmax(LOGITS, 1)[range(3), LABELS]
    expected = (weights[LABELS] * (1 - p) ** 2 * -p.log()).mean()

    loss = classification_loss(LOGITS, LABELS, Loss(kind="focal", gamma=2.0), weights)

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("kind", ["focal", "cross-entropy"])
def test_that_whole_shares_give_the_loss_of_labels(kind):
    loss, whole = Loss(kind=kind), functional.one_hot(LABELS, 3).float()

    for weights in (None, torch.tensor([0.5, 1.0, 4.0])):
        shared = classification_loss(LOGITS, whole, loss, weights)
        plain = classification_loss(LOGITS, LABELS, loss, weights)
        assert shared.item() == pytest.approx(plain.item(), rel=1e-6)


def test_that_a_mixed_label_weighs_both_losses():
    other = torch.tensor([1, 0, 2])
    soft = 0.3 * functional.one_hot(LABELS, 3) + 0.7 * functional.one_hot(other, 3)
    loss = Loss(kind="focal", gamma=2.0)
    each = [classification_loss(LOGITS, labels, loss, None) for labels in (LABELS, other)]

    mixed = classification_loss(LOGITS, soft, loss, None)

    assert mixed.item() == pytest.approx((0.3 * each[0] + 0.7 * each[1]).item(), rel=1e-6)


def test_that_focal_loss_without_gamma_is_cross_entropy():
    focal = classification_loss(LOGITS, LABELS, Loss(kind="focal", gamma=0.0), None)

    assert focal.item() == pytest.approx(functional.cross_entropy(LOGITS, LABELS).item(), rel=1e-6)


@pytest.mark.parametrize("kind", ["focal", "cross-entropy"])
def test_that_the_shares_of_a_batch_add_up_to_its_loss_under_weights(kind):
    """As two processes, or two accumulated batches, have them."""
    logits, labels = torch.randn(6, 3), torch.tensor([0, 0, 1, 0, 2, 2])
    weights = class_weights(labels.tolist(), 3)
    loss = Loss(kind=kind, balanced=True, smoothing=0.0)

    whole = classification_loss(logits, labels, loss, weights)

    halves = [
        classification_loss(logits[i], labels[i], loss, weights) for i in (slice(3), slice(3, 6))
    ]
    assert whole.item() == pytest.approx(sum(halves).item() / 2, rel=1e-5)


def test_that_distillation_weighs_the_soft_part_by_the_squared_temperature():
    teacher = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 1.0, 0.5]])
    p, q = torch.softmax(teacher / 4, 1), torch.softmax(LOGITS / 4, 1)
    soft = 16 * (p * (p.log() - q.log())).sum(1).mean()
    hard = functional.cross_entropy(LOGITS, LABELS)

    total, *parts = distillation_loss(
        LOGITS, softened([teacher], 4.0), LABELS, Distill(teachers=())
    )

    assert total.item() == pytest.approx((0.7 * soft + 0.3 * hard).item(), rel=1e-5)
    assert [part.item() for part in parts] == pytest.approx([soft.item(), hard.item()], rel=1e-5)


def test_that_several_teachers_speak_with_their_mean_probability():
    one, other = torch.randn(2, 5, 4)
    mean = (torch.softmax(one / 4, 1) + torch.softmax(other / 4, 1)) / 2

    assert torch.allclose(softened([one, other], 4.0).exp(), mean, atol=1e-6)


def test_that_a_student_who_says_what_the_teacher_says_has_no_soft_loss():
    soft = distillation_loss(LOGITS, softened([LOGITS], 4.0), LABELS, Distill(teachers=()))[1]

    assert soft.item() == pytest.approx(0, abs=1e-5)
