"""Detections by loops over boxes, as the definition has them: what the vectorised forms are held against."""

from __future__ import annotations

from math import exp, sqrt
from typing import Any

import numpy as np

from netgen.ir.graph import Attrs

Array = np.ndarray[Any, np.dtype[np.float32]]
Box = Array
f32 = np.float32


# --- boxes ----------------------------------------------------------------------------------------


def area(box: Box) -> np.float32:
    if box[2] < box[0] or box[3] < box[1]:
        return f32(0)
    return f32((box[2] - box[0]) * (box[3] - box[1]))


def overlap(one: Box, other: Box) -> np.float32:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return f32(0)
    both = f32(width * height)
    return f32(both / (area(one) + area(other) - both))


def suppress(boxes: list[Box], threshold: float, eta: float = 1.0) -> list[int]:
    """Which of some boxes, the best first, are kept."""
    limit = f32(threshold)
    kept: list[int] = []
    for i, box in enumerate(boxes):
        if all(overlap(box, boxes[j]) <= limit for j in kept):
            kept.append(i)
            if eta < 1 and limit > 0.5:
                limit = f32(limit * f32(eta))
    return kept


def decode(a: Attrs, offset: Box, prior: Box, variance: Box) -> Box:
    if not a.get("variance_encoded_in_target", True):
        offset = offset * variance
    width, height = prior[2] - prior[0], prior[3] - prior[1]
    size = np.array([width, height, width, height], f32)
    if a.code == "corner":
        return prior + offset
    if a.code == "corner_size":
        return prior + offset * size
    x = offset[0] * width + (prior[0] + prior[2]) / 2
    y = offset[1] * height + (prior[1] + prior[3]) / 2
    w, h = exp(offset[2]) * width / 2, exp(offset[3]) * height / 2
    return np.array([x - w, y - h, x + w, y + h], f32)


# --- prior boxes ----------------------------------------------------------------------------------


def prior_boxes(a: Attrs, map_size: tuple[int, int], image: tuple[int, int]) -> Array:
    """(1, 2, 4 * boxes): the boxes of SSD and their variances."""
    ratios = [1.0]
    for ratio in a.aspect_ratio or ():
        if min(abs(ratio - each) for each in ratios) >= 1e-6:
            ratios += [ratio, 1 / ratio] if a.flip else [ratio]
    image_h, image_w = a.image or image
    step_h, step_w = a.step or (image_h / map_size[0], image_w / map_size[1])
    boxes: list[float] = []
    for row, column in np.ndindex(*map_size):
        x, y = (column + a.offset) * step_w, (row + a.offset) * step_h
        for i, size in enumerate(a.min_size):
            sides: list[tuple[float, float]] = [(int(size), int(size))]
            if a.max_size:
                side = sqrt(int(size) * int(a.max_size[i]))
                sides.append((side, side))
            sides += [(int(size) * sqrt(each), int(size) / sqrt(each)) for each in ratios[1:] if each != 1]
            for width, height in sides:
                boxes += [(x - width / 2) / image_w, (y - height / 2) / image_h]
                boxes += [(x + width / 2) / image_w, (y + height / 2) / image_h]
    places = np.array(boxes)
    if a.clip:
        places = places.clip(0, 1)
    variances = np.resize(np.array(a.variance), len(places))
    return np.array([[places, variances]], f32)


# --- detections -----------------------------------------------------------------------------------


def detections(a: Attrs, loc: Array, conf: Array, priors: Array, variances: Array) -> Array:
    """(1, 1, rows, 7). ``priors`` are (images or 1, boxes, 4), ``variances`` (boxes, 4)."""
    rows: list[list[float]] = []
    count = priors.shape[1]
    for image in range(len(loc)):
        offsets = loc[image].reshape(count, -1, 4)
        scores = conf[image].reshape(count, a.classes)
        own = priors[image % len(priors)]
        boxes = {
            (p, c): decode(a, offsets[p, 0 if a.share_location else c], own[p], variances[p])
            for p in range(count)
            for c in range(a.classes)
        }
        found = [
            (c, p, scores[p, c], boxes[p, c])
            for c in range(a.classes)
            if c != a.background
            for p in _of_class(a, scores[:, c], [boxes[p, c] for p in range(count)])
        ]
        if 0 <= a.keep_top_k < len(found):
            found = sorted(sorted(found, key=lambda each: -each[2])[: a.keep_top_k], key=lambda each: each[0])
        rows += [[image, c, score, *box] for c, _, score, box in found]
    if not rows:
        rows = [[image, *[-1.0] * 6] for image in range(len(loc))]
    return np.array([[rows]], f32)


def _of_class(a: Attrs, scores: Array, boxes: list[Box]) -> list[int]:
    """The prior boxes of which a class keeps what they gave, the best first."""
    threshold = f32(-np.inf if a.confidence_threshold is None else a.confidence_threshold)
    order = sorted((p for p in range(len(scores)) if scores[p] > threshold), key=lambda p: -scores[p])
    order = order if a.top_k < 0 else order[: a.top_k]
    kept = suppress([boxes[p] for p in order], a.nms_threshold, a.eta)
    return [order[i] for i in kept]


# --- proposals ------------------------------------------------------------------------------------


def proposals(a: Attrs, scores: Array, offsets: Array, info: Array) -> tuple[Array, Array]:
    """Rows (0, xmin, ymin, xmax, ymax) and scores."""
    python = a.style == "python"
    anchors = len(a.ratios) * len(a.scales)
    limit = np.array([info[1], info[0]] * 2) - 1
    least = a.min_size * np.array([info[3], info[2]] if len(info) > 3 else [info[2], info[2]])
    found = []
    for row, column in np.ndindex(*scores.shape[2:]):
        for i, (ratio, scale) in enumerate((ratio, scale) for ratio in a.ratios for scale in a.scales):
            rounded = round if python else lambda number: int(number + 0.5)
            width = rounded(sqrt(a.base**2 / ratio))
            size = np.array([width, rounded(width * ratio)]) * scale
            middle = np.array([column, row]) * a.stride + (a.base - 1) / 2
            offset = offsets[0, 4 * i : 4 * i + 4, row, column]
            centre = middle + 0.5 + offset[:2] * size
            half = np.exp(offset[2:]) * size / 2
            box = np.concatenate([centre - half, centre + half]).clip(0, limit)
            large = bool((box[2:] - box[:2] + 1 >= least).all())
            if large or not python:
                found.append((scores[0, anchors + i, row, column] * large, box))
    found = sorted(found, key=lambda each: -each[0])[: a.pre_nms]
    kept = suppress([np.add(box, (0, 0, 1, 1)) for _, box in found], a.nms_threshold)[: a.post_nms]
    rows = np.array([[0, *found[i][1]] for i in kept], f32).reshape(-1, 5)
    return rows, np.array([found[i][0] for i in kept], f32)


# --- losses ---------------------------------------------------------------------------------------


def encode(a: Attrs, box: Box, prior: Box) -> Box:
    size = prior[2:] - prior[:2]
    if a.code == "corner":
        return box - prior
    if a.code == "corner_size":
        return np.asarray((box - prior) / np.tile(size, 2), f32)
    move = (box[:2] + box[2:] - prior[:2] - prior[2:]) / 2 / size
    growth: Box = np.log((box[2:] - box[:2]) / size)
    return np.asarray(np.concatenate([move, growth]), f32)


def match(a: Attrs, priors: Array, boxes: Array) -> tuple[list[int], list[float]]:
    """For each prior box the box that it stands for, -1 or -2; and what it overlaps at most."""
    count = len(priors)
    outside = [bool(a.inside_only and ((prior < 0) | (prior > 1)).any()) for prior in priors]
    overlaps = {(p, g): float(overlap(priors[p], boxes[g])) for p in range(count) for g in range(len(boxes))}
    overlaps = {pair: value for pair, value in overlaps.items() if value > 1e-6 and not outside[pair[0]]}
    most = [max([value for (p, _), value in overlaps.items() if p == prior], default=0.0) for prior in range(count)]
    found = [-2 if each else -1 for each in outside]
    pool = dict(overlaps)
    while pool:
        prior, box = max(pool, key=lambda pair: pool[pair])
        found[prior] = box
        pool = {pair: value for pair, value in pool.items() if pair[0] != prior and pair[1] != box}
    for prior in range(count) if a.match == "per_prediction" else ():
        own = {g: value for (p, g), value in overlaps.items() if p == prior and value >= f32(a.overlap_threshold)}
        if found[prior] == -1 and own:
            found[prior] = max(own, key=lambda box: own[box])
    return found, most


def class_loss(a: Attrs, scores: Array, label: int) -> float:
    if a.conf_loss == "softmax":
        return float(np.log(np.exp(scores - scores.max()).sum()) - (scores[label] - scores.max()))
    return float(np.log1p(np.exp(scores)).sum() - scores[label])


def multibox_loss(a: Attrs, loc: Array, conf: Array, blob: Array, truth: Array) -> float:
    total, matched = 0.0, 0
    priors, variances = blob.reshape(2, -1, 4)
    count = len(priors)
    for image in range(len(loc)):
        own = np.array([row for row in truth if row[0] == image and (a.use_difficult or not row[7])])
        offsets, scores = loc[image].reshape(count, 4), conf[image].reshape(count, a.classes)
        found, most = match(a, priors, own[:, 3:7]) if len(own) else ([-1] * count, [2.0] * count)
        positive = [p for p in range(count) if found[p] >= 0]
        able = [p for p in range(count) if found[p] == -1 and most[p] < f32(a.neg_overlap)]
        able.sort(key=lambda p: -class_loss(a, scores[p], a.background))
        negative = able[: int(len(positive) * f32(a.neg_pos_ratio))]
        if a.mining == "none":
            negative = [p for p in range(count) if p not in positive]
        for p in positive:
            given = offsets[p] / (variances[p] if a.variance_in_target else 1)
            difference = given - encode(a, own[found[p], 3:7], priors[p]) / variances[p]
            if a.bp_inside:
                difference = np.where((priors[p] < 0) | (priors[p] > 1), 0, difference)
            small = np.abs(difference) < 1
            smooth = np.where(small, difference**2 / 2, np.abs(difference) - 0.5)
            total += a.loc_weight * float((difference**2 / 2 if a.loc_loss == "l2" else smooth).sum())
            total += class_loss(a, scores[p], a.background + 1 if a.agnostic else int(own[found[p], 1]))
        total += sum(class_loss(a, scores[p], a.background) for p in negative)
        matched += len(positive)
    divisors = {"valid": matched, "full": len(loc) * count, "batch_size": len(loc), "none": 1}
    return total / max(divisors[a.normalization], 1)


# --- YOLO -----------------------------------------------------------------------------------------


def reorg(x: Array, stride: int, reverse: bool) -> Array:
    """Number after number, by darknet's arithmetic of places."""
    batch, channels, height, width = x.shape
    few = channels // stride**2
    shape = (batch, few, height * stride, width * stride)
    y = np.zeros(x.size, f32)
    for at, (b, c, row, column) in enumerate(np.ndindex(*x.shape)):
        offset = c // few
        place = (b, c % few, row * stride + offset // stride, column * stride + offset % stride)
        other = int(np.ravel_multi_index(place, shape))
        y[other if reverse else at] = x.ravel()[at if reverse else other]
    return y.reshape(shape if reverse else (batch, channels * stride**2, height // stride, width // stride))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def yolo_boxes(x: Array, anchors: list[tuple[float, float]], stride: int) -> list[tuple[Box, float, Array]]:
    """Boxes with objectness and what is said of classes."""
    found = []
    for image, row, column, anchor in np.ndindex(len(x), *x.shape[2:], len(anchors)):
        said = x[image].reshape(len(anchors), -1, *x.shape[2:])[anchor, :, row, column]
        sides = np.array([x.shape[3], x.shape[2]])
        middle = (np.array([column, row]) + sigmoid(said[:2])) / sides
        half = np.exp(said[2:4]) * anchors[anchor] / (sides * stride) / 2
        found.append((np.concatenate([middle - half, middle + half]), float(sigmoid(said[4])), said[5:]))
    return found


def yolo_rows(found: list[tuple[float, int, Box]], threshold: float, images: int) -> Array:
    """Rows of what is left of (score, label, box)."""
    rows: list[list[float]] = []
    for score, label, box in sorted(found, key=lambda each: -each[0]):
        if all(overlap(box, np.array(row[3:])) < f32(threshold) for row in rows):
            rows.append([0, label + 1, score, *box])
    return np.array([[rows or [[image, *[-1.0] * 6] for image in range(images)]]], f32)
