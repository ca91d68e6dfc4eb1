// The camera and the microphone: asked for, changed, and why they cannot be had.

const SIZES = { 480: [640, 480], 720: [1280, 720] };

/** Why there is no camera. `kind` is one of the notices. */
export class NoCamera extends Error {
  constructor(kind, cause) {
    super(kind, { cause });
    this.kind = kind;
  }
}

function kindOf(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return /system/i.test(error.message) ? "denied-by-system" : "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "no-camera";
    case "NotReadableError":
    case "AbortError":
      return "in-use";
    default:
      return "no-camera";
  }
}

/** What this browser lacks, as the kind of a notice; empty when nothing is. */
export function lacking() {
  if (!window.isSecureContext) return "insecure";
  const able = window.RTCPeerConnection && navigator.mediaDevices?.getUserMedia
    && RTCPeerConnection.prototype.addTransceiver && window.structuredClone;
  return able ? "" : "old";
}

/** The camera's stream. NoCamera when it cannot be had. */
export async function openCamera({ camera, resolution }) {
  const [width, height] = SIZES[resolution] ?? SIZES[480];
  const size = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
  const which = camera ? { deviceId: { exact: camera } } : { facingMode: "user" };
  try {
    return await marked(navigator.mediaDevices.getUserMedia({ video: { ...size, ...which } }));
  } catch (error) {
    // the one that was chosen is gone: any other is better than none
    if (camera && kindOf(error) === "no-camera") return openCamera({ camera: "", resolution });
    throw new NoCamera(kindOf(error), error);
  }
}

async function marked(opening) {
  const stream = await opening;
  for (const track of stream.getVideoTracks()) {
    if ("contentHint" in track) track.contentHint = "motion"; // fluent before sharp
  }
  return stream;
}

/** The microphone's track; null when it is refused or there is none. */
export async function openMicrophone() {
  try {
    const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    return stream.getAudioTracks()[0] ?? null;
  } catch {
    return null;
  }
}

/** The cameras there are. Their names are known once one was allowed. */
export async function cameras() {
  const devices = await navigator.mediaDevices?.enumerateDevices?.() ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

/** Let go of a stream's devices. */
export function release(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

/** Which browser it is, as far as its settings for cameras differ. */
export function browserKind() {
  const agent = navigator.userAgent;
  const touchMac = /Macintosh/.test(agent) && navigator.maxTouchPoints > 1;
  if (/iPhone|iPad|iPod/.test(agent) || touchMac) return "ios";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Android/.test(agent)) return "android";
  if (/Chrome\/|Chromium\/|Edg\//.test(agent)) return "chromium";
  return /Safari\//.test(agent) ? "safari" : "chromium";
}
