"""How often an address may ask: a bucket of permits for each, refilled at a steady rate."""

import ipaddress
import math
from collections import OrderedDict

from streamer.clock import SECOND, Clock, monotonic_ns

_ADDRESSES = 4096
"""Addresses remembered; those seen longest ago are forgotten."""


def neighbourhood(address: str) -> str:
    """What counts as one address: of IPv6 the first 64 bits, which one household has whole."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class Buckets:
    """One bucket for each address. Its memory is bounded."""

    def __init__(self, per_s: float, burst: float, clock: Clock = monotonic_ns) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, address: str, permits: float = 1.0) -> int:
        """Take permits; 0 when there were enough, else the seconds until there are, at least 1."""
        key = neighbourhood(address)
        left, now_ns = self._filled(key)
        enough = left >= permits
        self._left[key] = (left - permits if enough else left, now_ns)
        self._left.move_to_end(key)
        if len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        return 0 if enough else max(1, math.ceil((permits - left) / self._per_s))

    def wait(self, address: str) -> int:
        """As `take` of one permit, which stays where it is."""
        left, _ = self._filled(neighbourhood(address))
        return 0 if left >= 1 else max(1, math.ceil((1 - left) / self._per_s))

    def _filled(self, key: str) -> tuple[float, int]:
        now_ns = self._clock()
        left, since_ns = self._left.get(key, (self._burst, now_ns))
        return min(self._burst, left + (now_ns - since_ns) / SECOND * self._per_s), now_ns
