// Only the portrait, for programs that take up web pages. It connects again by itself for as long as
// the session lives; when the page in the same browser begins another one, it goes over to that.

const RETRY_MS = 2000;
const GATHER_MS = 500;
const RELAY_MS = 1500; // a TURN server is asked twice before it answers
const video = document.getElementById("portrait");
const asked = new URLSearchParams(location.search);
let session = { id: asked.get("session") ?? "", key: asked.get("key") ?? "" };
let pc = null;
let timer = 0;
let turns = 0;

if ("BroadcastChannel" in window) {
  const channel = new BroadcastChannel("vivant-clean");
  channel.onmessage = ({ data }) => {
    if (data?.id === session.id || data?.before !== session.id) return;
    session = { id: data.id, key: data.key };
    connect();
  };
}

function again() {
  clearTimeout(timer);
  video.classList.remove("live");
  timer = setTimeout(connect, RETRY_MS);
}

async function connect() {
  clearTimeout(timer);
  pc?.close();
  pc = null;
  const turn = (turns += 1);
  const place = `/api/sessions/${encodeURIComponent(session.id)}/view`;
  const headers = { "Content-Type": "application/json", "X-Session-Key": session.key };
  let iceServers = []; // asked for each time: what is told of TURN servers holds for minutes only
  try {
    const told = await fetch(place, { headers });
    if (!told.ok) throw new Error(String(told.status));
    ({ iceServers } = await told.json());
  } catch {
    if (turn === turns) again();
    return;
  }
  if (turn !== turns) return;
  const mine = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  pc = mine;
  mine.addTransceiver("video", { direction: "recvonly" });
  mine.addEventListener("track", ({ track, receiver }) => {
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => {});
  });
  mine.addEventListener("connectionstatechange", () => {
    if (mine === pc && ["failed", "closed", "disconnected"].includes(mine.connectionState)) again();
  });
  try {
    await mine.setLocalDescription(await mine.createOffer());
    await gathered(mine, iceServers.length ? RELAY_MS : GATHER_MS);
    const body = JSON.stringify({ type: "offer", sdp: mine.localDescription.sdp });
    const answer = await fetch(place, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(String(answer.status));
    const { sdp } = await answer.json();
    if (mine === pc) await mine.setRemoteDescription({ type: "answer", sdp });
  } catch {
    if (mine === pc) again();
  }
}

function gathered(mine, patience) {
  return new Promise((resolve) => {
    const timeout = setTimeout(resolve, patience);
    mine.addEventListener("icegatheringstatechange", () => {
      if (mine.iceGatheringState !== "complete") return;
      clearTimeout(timeout);
      resolve();
    });
  });
}

video.addEventListener("playing", () => video.classList.add("live"));
addEventListener("pagehide", () => pc?.close());
connect();
