"""Which requests share a padded batch: requests of like length together, so that little is padded. No torch.

Buckets as sequence models have them: of one width (tf.data's `bucket_by_sequence_length`), or as many as are asked for,
cut where the least is padded. A batch pads every row to its longest, so after sorting by length the best buckets are
runs of neighbours, and dynamic programming over the cuts finds them.
"""

from collections.abc import Sequence

from workbench.errors import ConfigError

Buckets = tuple[tuple[int, ...], ...]  # of each bucket the places of its requests; shortest requests first


def by_count(lengths: Sequence[int], count: int) -> Buckets:
    """At most `count` buckets with the fewest positions in all: Σ rows × longest. ConfigError below one."""
    if count < 1:
        raise ConfigError("batching.buckets", given=count)
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    total = len(order)
    # least[k][n]: positions of the n shortest requests in at most k buckets, and where the last bucket begins
    least: list[list[tuple[int, int]]] = [[(0, 0)] + [(lengths[order[n - 1]] * n, 0) for n in range(1, total + 1)]]
    for _ in range(min(count, total) - 1):
        before = least[-1]
        row = [(0, 0)]
        for n in range(1, total + 1):
            longest = lengths[order[n - 1]]
            row.append(min((before[cut][0] + longest * (n - cut), cut) for cut in range(n)))
        least.append(row)
    buckets: list[tuple[int, ...]] = []
    end, level = total, len(least) - 1
    while end:
        start = least[level][end][1]
        buckets.append(tuple(order[start:end]))
        end, level = start, max(level - 1, 0)
    return tuple(reversed(buckets))


def by_width(lengths: Sequence[int], width: int) -> Buckets:
    """Bucket k holds lengths from k × width + 1 to (k + 1) × width. ConfigError below one."""
    if width < 1:
        raise ConfigError("batching.width", given=width)
    found: dict[int, list[int]] = {}
    for place, length in sorted(enumerate(lengths), key=lambda each: each[1]):
        found.setdefault((length - 1) // width, []).append(place)
    return tuple(tuple(found[key]) for key in sorted(found))


def positions(lengths: Sequence[int], buckets: Buckets) -> int:
    """Prompt positions that are computed: every row as long as the longest of its bucket."""
    return sum(len(bucket) * max(lengths[place] for place in bucket) for bucket in buckets)
