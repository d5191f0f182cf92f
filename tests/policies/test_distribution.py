"""Two masked heads without replacement: exact against enumeration, safe on any mask."""

import math

import pytest
import torch

from shopfloor.policies.distribution import AS_DESIGNED, IDLE, N_CHOICES, Choice, MaskedPairDistribution


def distribution(
    logits: torch.Tensor, mask: torch.Tensor, choice: Choice = AS_DESIGNED
) -> MaskedPairDistribution:
    return MaskedPairDistribution(choice).proba_distribution(logits, mask)


def random_rows(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(n, 2 * N_CHOICES, generator=generator)
    density = torch.rand(n, 1, generator=generator)
    mask = torch.rand(n, 2 * N_CHOICES, generator=generator) < density
    mask[: n // 20] = False
    return logits, mask


def enumerated(
    logits: list[float], mask: list[bool], choice: Choice = AS_DESIGNED
) -> dict[tuple[int, int], float]:
    """Joint probabilities worked out with plain floats."""
    if not choice.has_mask:
        mask = [True] * len(mask)

    def softmax(values: list[float], legal: list[bool]) -> list[float]:
        if not any(legal):
            legal = [i == IDLE for i in range(N_CHOICES)]
        top = max(v for v, ok in zip(values, legal, strict=True) if ok)
        weights = [math.exp(v - top) if ok else 0.0 for v, ok in zip(values, legal, strict=True)]
        return [w / sum(weights) for w in weights]

    joint = {}
    for a, p in enumerate(softmax(logits[:N_CHOICES], mask[:N_CHOICES])):
        legal = [
            ok and not (choice.has_exclusion and i == a and a != IDLE)
            for i, ok in enumerate(mask[N_CHOICES:])
        ]
        for b, q in enumerate(softmax(logits[N_CHOICES:], legal)):
            joint[(a, b)] = p * q
    return joint


@pytest.mark.parametrize(
    "choice", [Choice(), Choice(has_mask=False), Choice(has_exclusion=False), Choice(False, False)]
)
def test_log_probability_and_entropy_equal_enumeration(choice: Choice) -> None:
    logits, mask = random_rows(60, seed=1)
    dist = distribution(logits, mask, choice)
    table, entropy = dist.probabilities(), dist.entropy()
    for row in range(60):
        joint = enumerated(logits[row].tolist(), mask[row].tolist(), choice)
        assert sum(joint.values()) == pytest.approx(1.0)
        for pair, p in joint.items():
            assert table[row, pair[0], pair[1]].item() == pytest.approx(p, abs=1e-6)
        likeliest = max(joint, key=lambda pair: joint[pair])
        one = distribution(logits[row : row + 1], mask[row : row + 1], choice)
        log_p = one.log_prob(torch.tensor([likeliest])).item()
        assert log_p == pytest.approx(math.log(joint[likeliest]), abs=1e-5)
        expected = -sum(p * math.log(p) for p in joint.values() if p > 0)
        assert entropy[row].item() == pytest.approx(expected, abs=1e-4)


def test_ten_thousand_masks_never_give_nan_or_an_illegal_pair() -> None:
    logits, mask = random_rows(10_000, seed=2)
    torch.manual_seed(3)
    dist = distribution(logits.requires_grad_(), mask)
    actions = dist.sample()
    log_p, entropy = dist.log_prob(actions), dist.entropy()
    (log_p.sum() + entropy.sum()).backward()
    assert torch.isfinite(log_p).all() and torch.isfinite(entropy).all() and (entropy >= 0).all()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    same = (actions[:, 0] == actions[:, 1]) & (actions[:, 0] != IDLE)
    assert not same.any()
    heads = mask.reshape(-1, 2, N_CHOICES)
    for head in (0, 1):
        legal = heads[:, head].gather(1, actions[:, head : head + 1]).squeeze(1)
        assert (legal | (actions[:, head] == IDLE)).all()
    assert heads[:, 0].gather(1, actions[:, :1]).squeeze(1)[heads[:, 0].any(dim=1)].all()
    table = dist.probabilities().detach()
    illegal = ~heads[:, 0] & heads[:, 0].any(dim=1, keepdim=True)
    assert (table.sum(dim=2)[illegal] == 0).all()
    both = torch.arange(IDLE)
    assert (table[:, both, both] == 0).all()


def test_a_row_without_any_legal_choice_idles_for_sure() -> None:
    dist = distribution(torch.randn(4, 22), torch.zeros(4, 22))
    assert dist.sample().tolist() == [[IDLE, IDLE]] * 4
    assert dist.log_prob(dist.mode()).tolist() == [0.0] * 4
    assert dist.entropy().tolist() == [0.0] * 4


def test_one_legal_candidate_for_both_heads_goes_to_the_first_and_the_second_idles() -> None:
    mask = torch.zeros(1, 22, dtype=torch.bool)
    mask[0, 3] = mask[0, N_CHOICES + 3] = True
    dist = distribution(torch.randn(1, 22), mask)
    assert dist.sample().tolist() == [[3, IDLE]]
    assert dist.entropy().item() == 0.0


def test_the_second_head_takes_its_next_best_when_the_first_took_its_favourite() -> None:
    logits = torch.zeros(1, 22)
    logits[0, 4] = 3.0
    logits[0, N_CHOICES + 4], logits[0, N_CHOICES + 7] = 9.0, 5.0
    assert distribution(logits, torch.ones(1, 22)).mode().tolist() == [[4, 7]]


def test_sample_frequencies_follow_the_joint_table() -> None:
    logits, mask = random_rows(40, seed=4)
    row = int(mask.sum(dim=1).argmax())
    n = 40_000
    dist = distribution(logits[row].expand(n, -1) / 4, mask[row].expand(n, -1))
    torch.manual_seed(5)
    actions = dist.sample()
    count = torch.bincount(actions[:, 0] * N_CHOICES + actions[:, 1], minlength=N_CHOICES**2) / n
    assert (count - dist.probabilities()[0].flatten()).abs().max() < 0.01


def test_the_mode_is_the_likeliest_choice_of_each_head_under_its_own_rules() -> None:
    logits = torch.zeros(1, 22)
    logits[0, 4], logits[0, N_CHOICES + 4], logits[0, N_CHOICES + 7] = 3.0, 9.0, 5.0
    mask = torch.ones(1, 22, dtype=torch.bool)
    mask[0, 4] = False
    assert distribution(logits, mask, Choice(has_mask=False)).mode().tolist() == [[4, 7]]
    assert distribution(logits, mask, Choice(has_exclusion=False)).mode()[0, 1].item() == 4
    assert distribution(logits, mask, Choice(False, False)).mode().tolist() == [[4, 4]]
