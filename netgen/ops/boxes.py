"""What operators on boxes share in PyTorch."""

from __future__ import annotations

from netgen.ir.spell_torch import Helper

SUPPRESS = Helper(
    "_suppress",
    '''
def _suppress(
    boxes: Tensor,
    valid: Tensor,
    threshold: float,
    eta: float = 1.0,
    most: int = -1,
    strict: bool = False,
) -> Tensor:
    """Non-maximum suppression in each row of boxes, the best first: which are kept.

    A box goes if it overlaps a kept one by more than the threshold, or just as much
    where ``strict``. The threshold shrinks by ``eta`` with each box while it is above
    a half. At ``most`` so many are kept.
    """
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
    places = torch.arange(boxes.shape[1], device=boxes.device)
    limit = torch.full_like(area[:, :1], threshold)
    overlap = torch.full_like(area, -1)  # with those that were kept, the most
    kept = torch.zeros_like(valid)
    left = valid
    while most != 0 and left.any():
        most -= 1
        found = left.any(1, keepdim=True)
        best = left.int().argmax(1, keepdim=True)
        kept = kept | (found & (places == best))
        box = boxes.gather(1, best[..., None].expand(-1, -1, 4))
        low = torch.maximum(box[..., :2], boxes[..., :2])
        high = torch.minimum(box[..., 2:], boxes[..., 2:])
        both = (high - low).clamp(min=0).prod(-1)
        union = area.gather(1, best) + area - both
        overlap = torch.maximum(overlap, torch.where(both > 0, both / union, 0))
        limit = torch.where(found & (limit > 0.5), limit * eta, limit)
        apart = overlap < limit if strict else overlap <= limit
        left = left & (places > best) & apart
    return kept
''',
)
"""Steps once for each box that the fullest row keeps."""
