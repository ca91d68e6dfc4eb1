"""A WHEP player of GStreamer and libnice, run by the system's Python: no code of ours or aiortc's.

    python3 whep_player.py URL FRAMES [CODEC] [TOKEN]

Plays until FRAMES pictures came, ends the session, and prints one line of JSON: HTTP statuses, the
Location, how many pictures came, their size, their mean grey and how much the last differs from
the first. Exit 3: what it needs is not here.
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

PAYLOADS = {"VP8": 96, "H264": 102}
PATIENCE_S = 60


class Player:
    """One session."""

    def __init__(self, url, frames, codec, token):
        self.url, self.frames, self.token = url, frames, token
        self.loop = GLib.MainLoop()
        self.told = {"frames": 0}
        self.first = b""
        self.pipeline = Gst.Pipeline.new("player")
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
        if self.webrtc is None or Gst.ElementFactory.find("nicesrc") is None:
            print("GStreamer has no webrtcbin or no libnice", file=sys.stderr)
            sys.exit(3)
        self.webrtc.set_property("bundle-policy", "max-bundle")
        self.pipeline.add(self.webrtc)
        self.webrtc.connect("pad-added", self.decode)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        self.webrtc.connect("on-negotiation-needed", self.negotiate)
        caps = f"application/x-rtp,media=video,encoding-name={codec},clock-rate=90000"
        caps += f",payload={PAYLOADS[codec]}"
        if codec == "H264":
            caps += ",packetization-mode=(string)1,profile-level-id=(string)42e01f"
        receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self.webrtc.emit("add-transceiver", receive, Gst.Caps.from_string(caps))

    def play(self):
        """Until there are enough pictures, or patience ends."""
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.failed)
        GLib.timeout_add_seconds(PATIENCE_S, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if "location" in self.told:
            location = urljoin(self.url, self.told["location"])
            self.told["deleted"] = self.ask("DELETE", location).status
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.told))

    def failed(self, _bus, message):
        self.told["error"] = str(message.parse_error())
        self.loop.quit()

    def negotiate(self, webrtc):
        def made(promise):
            offer = promise.get_reply().get_value("offer")
            webrtc.emit("set-local-description", offer, Gst.Promise.new())

        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(made))

    def gathered(self, webrtc, _):
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.offer, webrtc.get_property("local-description").sdp.as_text())

    def offer(self, sdp):
        try:
            answer = self.ask("POST", self.url, sdp.encode())
        except OSError as error:
            self.told["error"] = str(error)
            self.loop.quit()
            return
        self.told["status"], self.told["location"] = answer.status, answer.headers["Location"]
        self.told["answer"] = text = answer.read().decode()
        _, message = GstSdp.SDPMessage.new_from_text(text)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", description, Gst.Promise.new())

    def ask(self, method, url, body=None):
        headers = {"Content-Type": "application/sdp"} if body else {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, body, headers, method=method)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)

    def decode(self, _, pad):
        text = "decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out sync=false"
        decoder = Gst.parse_bin_from_description(f"{text} emit-signals=true max-buffers=2", True)
        decoder.get_by_name("out").connect("new-sample", self.picture)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def picture(self, sink):
        sample = sink.emit("pull-sample")
        caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
        grey = buffer.extract_dup(0, buffer.get_size())
        self.first = self.first or grey
        self.told["frames"] += 1
        if self.told["frames"] == self.frames:
            self.told["size"] = [caps.get_value("width"), caps.get_value("height")]
            self.told["mean"] = sum(grey[::97]) / len(grey[::97])
            pairs = zip(grey[::97], self.first[::97], strict=False)
            self.told["change"] = sum(abs(a - b) for a, b in pairs) / len(grey[::97])
            GLib.idle_add(self.loop.quit)
        return Gst.FlowReturn.OK


if __name__ == "__main__":
    Gst.init(None)
    url, frames, codec, token = [*sys.argv[1:], "VP8", ""][:4] if len(sys.argv) < 5 else sys.argv[1:5]
    Player(url, int(frames), codec or "VP8", token).play()
