"""What an answer tells a browser of how to send its video."""

import re


def hasten_uplink(sdp: str, start_kbps: int) -> str:
    """An answer that tells Chromium to start its video at `start_kbps`, and go down to a fifth.

    Upstream: there is no transport-wide congestion control, and the estimate that is sent instead
    (REMB) holds the uplink near 350 kbit/s even where nothing limits it: aiortc/aiortc#170.
    """
    more = (
        f"x-google-start-bitrate={start_kbps};x-google-min-bitrate={start_kbps // 5};"
        f"x-google-max-bitrate={start_kbps * 2}"
    )
    lines: list[str] = []
    named = set(re.findall(r"^a=fmtp:(\d+) ", sdp, re.MULTILINE))
    for line in sdp.splitlines():
        video = re.match(r"a=rtpmap:(\d+) (?:VP8|H264)/90000", line)
        lines.append(f"{line};{more}" if re.match(r"a=fmtp:\d+ .*profile-level-id", line) else line)
        if video and video[1] not in named:
            lines.append(f"a=fmtp:{video[1]} {more}")
    return "\r\n".join(lines) + "\r\n"
