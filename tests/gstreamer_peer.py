"""A WHIP sender and a WHEP player of GStreamer and libnice: no code of ours, nor of aiortc's.

    python3 gstreamer_peer.py send URL FILM [CODEC] [TOKEN]     an endless Motion JPEG film, by WHIP
    python3 gstreamer_peer.py play URL FRAMES [CODEC] [TOKEN]   until FRAMES pictures came, by WHEP
    python3 gstreamer_peer.py check                             whether what it needs is here

Run by the system's Python, which has GStreamer's bindings. Sending ends with the standard input. At
its end the session is deleted, and a line of JSON tells the HTTP statuses, the Location, how many
pictures came, their size, and how much they change. Exit 3: what it needs is not here.
"""

import json
import sys
import urllib.request
from urllib.parse import urljoin

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstWebRTC", "1.0")
    gi.require_version("GstSdp", "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(3)

DECODERS = {"VP8": "rtpvp8depay ! vp8dec", "H264": "rtph264depay ! avdec_h264"}
ENCODERS = {
    "VP8": "vp8enc deadline=1 target-bitrate=2000000 keyframe-max-dist=60 ! rtpvp8pay pt=96",
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60"
    " ! video/x-h264,profile=constrained-baseline ! rtph264pay pt=96 config-interval=-1",
}
PATIENCE_S = 60


class Peer:
    """One session."""

    def __init__(self, url, codec, token):
        self.url, self.codec, self.token = url, codec, token
        self.loop = GLib.MainLoop()
        self.told = {"frames": 0}
        self.pipeline = Gst.Pipeline.new("peer")
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
        self.webrtc.set_property("bundle-policy", "max-bundle")
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        self.webrtc.connect("on-negotiation-needed", self.negotiate)

    def run(self):
        """Until somebody ends it."""
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if "location" in self.told:
            location = urljoin(self.url, self.told["location"])
            self.told["deleted"] = self.ask("DELETE", location).status
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.told), flush=True)

    def failed(self, _bus, message):
        """Something in GStreamer broke."""
        self.told["error"] = str(message.parse_error())
        self.loop.quit()

    def negotiate(self, webrtc):
        """GStreamer can make its offer."""

        def made(promise):
            reply = promise.get_reply()  # it owns the offer
            webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(made))

    def gathered(self, webrtc, _):
        """GStreamer looks for its addresses; at the end the offer is whole."""
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.offer, webrtc.get_property("local-description").sdp.as_text())

    def offer(self, sdp):
        """Begin the session."""
        try:
            answer = self.ask("POST", self.url, sdp.encode())
        except OSError as error:
            self.told["error"] = str(error)
            self.loop.quit()
            return
        self.told["status"], self.told["location"] = answer.status, answer.headers["Location"]
        self.told["answer"] = text = answer.read().decode()
        print(self.told["location"], file=sys.stderr, flush=True)
        _, message = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(
            GstWebRTC.WebRTCSDPType.ANSWER, message
        )
        self.webrtc.emit("set-remote-description", description, Gst.Promise.new())

    def ask(self, method, url, body=None):
        """One request."""
        headers = {"Content-Type": "application/sdp"} if body else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, body, headers, method=method)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)


def send(url, film, codec="VP8", token=""):
    """A film without end, until the standard input ends."""
    peer = Peer(url, codec, token)
    source = Gst.parse_bin_from_description(
        f"multifilesrc location={film} loop=true caps=image/jpeg,framerate=30/1 ! jpegparse"
        f" ! jpegdec ! videoconvert ! video/x-raw,format=I420 ! identity sync=true ! queue"
        f" ! {ENCODERS[codec]}"
        f' ! capsfilter caps="application/x-rtp,media=video,encoding-name={codec},payload=96"',
        True,  # noqa: FBT003  (GStreamer's own way: it has an output)
    )
    peer.pipeline.add(source)
    source.link(peer.webrtc)
    only = GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY
    peer.webrtc.emit("get-transceiver", 0).set_property("direction", only)
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, lambda *_: peer.loop.quit())
    peer.run()


def play(url, frames, codec="VP8", token=""):
    """Until so many pictures came, or patience ends."""
    peer = Peer(url, codec, token)
    caps = f"application/x-rtp,media=video,encoding-name={codec},clock-rate=90000,payload=96"
    if codec == "H264":
        caps += ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
    only = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
    peer.webrtc.emit("add-transceiver", only, Gst.Caps.from_string(caps))
    peer.webrtc.connect("pad-added", lambda _, pad: _show(peer, pad, int(frames)))
    GLib.timeout_add_seconds(PATIENCE_S, peer.loop.quit)
    peer.run()


def _show(peer, pad, frames):
    """Decode what comes out of a pad, and look at it."""
    shown = Gst.parse_bin_from_description(
        f"{DECODERS[peer.codec]} ! videoconvert ! video/x-raw,format=GRAY8"
        " ! appsink name=out sync=false emit-signals=true max-buffers=2",
        True,  # noqa: FBT003
    )
    greys = []

    def picture(sink):
        sample = sink.emit("pull-sample")
        caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        greys.append(buffer.extract_dup(0, buffer.get_size())[::97])
        if len(greys) == frames:
            peer.told["size"] = [caps.get_value("width"), caps.get_value("height")]
            peer.told["mean"] = sum(greys[-1]) / len(greys[-1])
            peer.told["change"] = max(_difference(grey, greys[0]) for grey in greys)
            GLib.idle_add(peer.loop.quit)
        peer.told["frames"] = len(greys)
        return Gst.FlowReturn.OK

    shown.get_by_name("out").connect("new-sample", picture)
    peer.pipeline.add(shown)
    shown.sync_state_with_parent()
    pad.link(shown.get_static_pad("sink"))


def _difference(one, other):
    return sum(abs(a - b) for a, b in zip(one, other, strict=False)) / len(one)


def check():
    """Exit 3 when an element is not here."""
    words = " ".join([*DECODERS.values(), *ENCODERS.values()]).split()
    needed = {word for word in words if word.startswith(("rtp", "vp8", "x264", "avdec"))}
    missing = [
        n for n in (*needed, "webrtcbin", "nicesrc", "jpegdec") if not Gst.ElementFactory.find(n)
    ]
    if missing:
        print(f"GStreamer has no {', '.join(missing)}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    Gst.init(None)
    {"send": send, "play": play, "check": check}[sys.argv[1]](*sys.argv[2:])
