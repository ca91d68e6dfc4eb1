// The page: puts its parts together. What happens on the way of the video is in keeper.js and
// connection.js, what is seen in stage.js, panel.js, gallery.js and upload.js.

import { Refusal, cleanLink, command, setup as askSetup, useToken } from "./api.js";
import { $, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Keeper } from "./keeper.js";
import { Figures } from "./latency.js";
import { NoCamera, cameras, lacking, openCamera, openMicrophone, release } from "./media.js";
import { NO_FACE, NO_VIDEO, sentence } from "./notices.js";
import { Panel } from "./panel.js";
import { Readout, showPill } from "./readout.js";
import { Recorder, showRecording } from "./recorder.js";
import { inPage, prepareViews, showFace, showHint, showNotice, showPhase, showPrompt } from "./stage.js";
import { keepPanic, load, panicked, save } from "./store.js";
import { Uploader } from "./upload.js";
import { Wishes } from "./wishes.js";

const NO_FACE_MS = 3000;
const NO_VIDEO_MS = 2000;
const LOOK_MS = 500;

const settings = load();
const keeper = new Keeper();
const figures = new Figures($("camera"), $("portrait"));
const readout = new Readout();
const gallery = new Gallery();
const uploader = new Uploader();
const recorder = new Recorder();
const panel = new Panel(settings);
const wishes = new Wishes(() => keeper.session, (error) => hint(sentence(error.message)));

let setup = null;
let own = null; // the camera's stream
let voice = null; // the microphone's track
let far = {}; // the portrait's tracks
let panic = panicked();
let wakeLock = null;
let seen = {}; // since when something is as it is, by name

const running = () => keeper.phase !== "stopped";
const able = (id, on) => $(id).setAttribute("aria-disabled", String(!on));
const isAble = (button) => button.getAttribute("aria-disabled") !== "true";
const on = (id, action) => $(id).addEventListener("click", ({ currentTarget }) => isAble(currentTarget) && action());

function hint(text, forMs = 6000) {
  showHint(text);
  clearTimeout(seen.hint);
  if (text) seen.hint = setTimeout(() => showHint(""), forMs);
}

// ---- what the server offers

async function prepare() {
  showNotice("");
  try {
    know(await askSetup());
  } catch (error) {
    showPhase("problem");
    showPill("problem", "Not ready");
    refused(error);
    return;
  }
  showPhase("idle");
  const lacks = lacking();
  able("start", !lacks);
  showPill(lacks ? "problem" : "idle", lacks ? "Not ready" : "Ready");
  if (lacks) {
    showPhase("problem");
    showNotice(lacks);
  }
}

function refused(error) {
  const isToken = error instanceof Refusal && error.status === 401;
  const kind = isToken ? (seen.token ? "token-wrong" : "token") : error instanceof Refusal ? "failed" : "lost";
  const act = { token: enter, retry: prepare, now: prepare };
  showNotice(kind, { message: isToken ? "" : error.message, act });
}

function enter(text) {
  seen.token = true;
  useToken(text);
  prepare();
}

function know(found) {
  setup = found;
  document.body.classList.remove("bare-page");
  keeper.know(found);
  panel.know(found);
  uploader.know(found);
  say($("version"), `Vivant ${found.version}`);
  const ready = found.portraits.filter((one) => one.state === "ready");
  const has = (name) => ready.some((one) => one.name === name);
  const asked = [settings.portrait, found.controls?.portrait, ready[0]?.name].find(has);
  gallery.show(found, asked);
  if (asked) showFace(gallery.find(asked));
  save(settings);
}

async function renew() {
  try {
    know(await askSetup());
  } catch {
    // the gallery stays as it was
  }
}

// ---- start and stop

async function start() {
  showNotice("");
  showPhase("asking");
  showPill("busy", "Asking for the camera");
  buttons(true);
  try {
    await takeCamera();
    if (settings.microphone) await takeVoice();
  } catch (error) {
    stopAll("problem");
    showNotice(error instanceof NoCamera ? error.kind : "failed", { message: error.message, act: { retry: start } });
    return;
  }
  if ($("stage").dataset.phase !== "asking") return letGo(); // stopped meanwhile
  keeper.start(
    () => ({
      video: own.getVideoTracks()[0],
      audio: voice,
      codec: settings.codec,
      controls: { ...panel.controls(), panic, ...(gallery.chosen ? { portrait: gallery.chosen } : {}) },
    }),
    (found) => found !== setup && know(found),
  );
}

function stop() {
  keeper.stop();
  stopAll("idle");
}

function stopAll(phase) {
  recorder.stop();
  letGo();
  far = {};
  setPanic(false);
  $("portrait").srcObject = null;
  showNotice("");
  hint("");
  showPhase(phase);
  showPill(phase === "idle" ? "idle" : "problem", phase === "idle" ? "Ready" : "Stopped");
  buttons(false);
  readout.clear();
}

function letGo() {
  release(own);
  voice?.stop();
  own = voice = null;
  $("camera").srcObject = null;
  $("own").hidden = true;
  wakeLock?.release().catch(() => {});
  wakeLock = null;
}

function buttons(isOn) {
  say($("start-text"), isOn ? "Stop" : "Start");
  $("start-icon").setAttribute("href", isOn ? "#i-stop" : "#i-play");
  $("start").classList.toggle("on", isOn);
  const live = keeper.phase === "live";
  for (const id of ["calibrate", "neutral", "guide", "popout", "copy"]) able(id, live);
  able("record", recorder.possible && (live || recorder.on));
  able("panic", isOn);
}

// ---- camera and voice

async function takeCamera() {
  const stream = await openCamera(settings);
  release(own);
  own = stream;
  $("camera").srcObject = stream;
  $("own").hidden = false;
  const [track] = stream.getVideoTracks();
  track.addEventListener("ended", () => own === stream && running() && cameraLost());
  track.addEventListener("mute", () => own === stream && hint(NO_VIDEO));
  await listCameras(track.getSettings?.().deviceId);
}

async function listCameras(current = settings.camera) {
  const found = await cameras();
  const named = found.filter((one) => one.label);
  if (!named.length) return;
  const options = named.map((one) => new Option(one.label, one.deviceId, false, one.deviceId === current));
  $("cameras").replaceChildren(...options);
}

async function changeCamera() {
  if (!own) return;
  try {
    if (/Android|iPhone|iPad/.test(navigator.userAgent)) release(own); // telephones open one at a time
    await takeCamera();
    await keeper.connection?.replace("video", own.getVideoTracks()[0]);
  } catch (error) {
    hint(error.kind === "in-use" ? "That camera is used by another program." : "That camera cannot be opened.");
    if (own?.getVideoTracks()[0]?.readyState === "ended") cameraLost();
  }
}

async function cameraLost() {
  try {
    await takeCamera();
    await keeper.connection?.replace("video", own.getVideoTracks()[0]);
  } catch {
    keeper.stop();
    stopAll("problem");
    showNotice("camera-lost", { act: { retry: start } });
  }
}

async function takeVoice() {
  voice = await openMicrophone();
  if (!voice) {
    settings.microphone = false;
    hint("The microphone is not allowed, or there is none. The portrait goes on without sound.");
  }
  showVoice();
}

async function toggleVoice() {
  settings.microphone = !settings.microphone;
  if (!settings.microphone) {
    voice?.stop();
    voice = null;
  } else if (own) {
    await takeVoice();
  }
  await keeper.connection?.replace("audio", voice).catch(() => {});
  showVoice();
  save(settings);
}

function showVoice() {
  $("microphone").setAttribute("aria-pressed", String(settings.microphone));
  $("microphone-icon").setAttribute("href", settings.microphone ? "#i-mic" : "#i-mute");
  const portrait = $("portrait");
  portrait.muted = !settings.hear;
  const stream = portrait.srcObject;
  if (!stream || !far.audio) return;
  // the sound is only taken in when it is to be heard
  if (settings.hear && !stream.getAudioTracks().length) stream.addTrack(far.audio);
  if (!settings.hear) stream.getAudioTracks().forEach((track) => stream.removeTrack(track));
}

// ---- what the session tells

keeper.addEventListener("phase", ({ detail: { phase, kind, message, seconds, again } }) => {
  if (phase === "stopped") {
    if (!kind) return;
    stopAll("problem");
    if (kind === "token") return refused(new Refusal(401, "token", message, 0));
    return showNotice(kind, { message, act: { retry: start } });
  }
  buttons(true);
  showPhase(again ? "again" : phase);
  if (phase === "waiting") {
    recorder.stop();
    far = {};
    readout.clear();
    showPill("busy", "Waiting");
    showNotice(kind, { message, seconds, act: { now: () => keeper.hurry() } });
    return;
  }
  showNotice("");
  if (phase === "connecting") {
    figures.reset();
    wishes.clear();
    showPill("busy", again ? "Reconnecting" : "Connecting");
  }
  if (phase === "live") wentLive();
});

function wentLive() {
  seen = { hint: seen.hint, token: seen.token };
  showPill("live", "Live");
  announceClean();
  stayAwake();
}

keeper.addEventListener("portrait", ({ detail: { video, audio } }) => {
  if (video && far.video !== video) {
    $("portrait").srcObject = new MediaStream([video]);
    $("portrait").play().catch(() => {});
  }
  far = { video, audio };
  showVoice();
});
$("portrait").addEventListener("loadeddata", () => keeper.shown());

keeper.addEventListener("rtt", ({ detail }) => figures.ping(detail));
keeper.addEventListener("told", ({ detail: message }) => {
  if (message.t === "draining") hint("The server is about to start anew; you are connected again by itself.", 15000);
  if (message.t !== "status") return;
  figures.hear(message);
  gallery.tell(message);
  panel.tell(message);
  showPrompt(keeper.phase === "live" ? (message.prompt ?? "") : "");
  lookForFace(message);
});

/** Hints about what the server sees, once it has lasted. */
function lookForFace({ presence, camera, prompt, state }) {
  if (keeper.phase !== "live" || (state && state !== "running")) return;
  const now = performance.now();
  const since = (name, is) => (is ? now - (seen[name] ??= now) : (delete seen[name], -1));
  const alone = ["hold", "ease", "idle", "card"].includes(presence);
  const noVideo = since("noVideo", Boolean(camera)) > NO_VIDEO_MS;
  const noFace = since("noFace", alone && !$("idle").checked && !panic && !prompt) > NO_FACE_MS;
  const text = noVideo ? NO_VIDEO : noFace ? NO_FACE : "";
  if (text) {
    showHint(text);
    seen.told = true;
  } else if (seen.told) {
    showHint("");
    seen.told = false;
  }
}

// ---- what a person asks for

function ask(name) {
  if (!keeper.session) return;
  $("stage").scrollIntoView({ block: "nearest" }); // it tells there what to do
  command(keeper.session, name).catch((error) => error.status && hint(sentence(inPage(error.message))));
}

function setPanic(isOn) {
  panic = isOn;
  keepPanic(isOn);
  $("panic").classList.toggle("on", isOn);
  $("panic").setAttribute("aria-label", isOn ? "Show the portrait again" : "Panic: cover the portrait with a card");
  say($("panic-text"), isOn ? "Show" : "Panic");
  $("panic-mark").hidden = !isOn;
  $("stage").classList.toggle("panics", isOn);
}

function doPanic(isOn) {
  if (!running()) return;
  setPanic(isOn);
  wishes.hurry({ panic: isOn });
}

function toggleRecording() {
  if (recorder.on) return recorder.stop();
  const tracks = [far.video, settings.microphone ? far.audio : null].filter(Boolean);
  if (!far.video || !recorder.start(tracks)) hint("This browser cannot record the portrait.");
}

function announceClean() {
  const { session } = keeper;
  if ("BroadcastChannel" in window && seen.session !== session.id) {
    const channel = new BroadcastChannel("vivant-clean");
    channel.postMessage({ ...session, before: lastSession });
    channel.close();
  }
  lastSession = session.id;
}
let lastSession = "";

async function copyClean() {
  const link = cleanLink(keeper.session);
  try {
    await navigator.clipboard.writeText(link);
    say($("clean-note"), "Copied. In OBS: Sources, plus, Browser; paste it as the URL. It is valid for this session.");
  } catch {
    window.prompt("The link of the clean view:", link);
  }
}

async function stayAwake() {
  if (!navigator.wakeLock || document.visibilityState !== "visible" || !own) return;
  try {
    wakeLock = await navigator.wakeLock.request("screen");
  } catch {
    // low battery: the screen may go dark
  }
}

// ---- wiring

on("start", () => (running() || own || $("stage").dataset.phase === "asking" ? stop() : start()));
on("calibrate", () => ask("neutral"));
on("neutral", () => ask("neutral"));
on("guide", () => ask("guide"));
on("microphone", toggleVoice);
on("record", toggleRecording);
on("panic", () => doPanic(!panic));
on("popout", () => window.open(cleanLink(keeper.session), "_blank", "popup,noopener,width=540,height=540"));
on("copy", copyClean);
on("own-fold", () => {
  settings.folded = !settings.folded;
  showFolded();
  save(settings);
});

// Escape hides, and never shows: pressed twice in alarm it must not undo itself
addEventListener("keydown", (event) => event.key === "Escape" && doPanic(true));

function showFolded() {
  $("own").classList.toggle("folded", settings.folded);
  $("own-fold").setAttribute("aria-pressed", String(settings.folded));
}

panel.addEventListener("change", ({ detail }) => {
  save(settings);
  wishes.send(detail);
});
gallery.addEventListener("choose", ({ detail: name }) => {
  settings.portrait = name;
  save(settings);
  showFace(gallery.find(name));
  wishes.send({ portrait: name });
});
gallery.addEventListener("add", () => uploader.open());
gallery.addEventListener("gone", renew);
gallery.addEventListener("kept", renew);
uploader.addEventListener("ready", async ({ detail: name }) => {
  settings.portrait = name;
  await renew();
  wishes.send({ portrait: name });
});
recorder.addEventListener("change", ({ detail }) => {
  showRecording(detail);
  buttons(running());
});

$("cameras").addEventListener("change", ({ target }) => {
  settings.camera = target.value;
  save(settings);
  changeCamera();
});
$("resolution").addEventListener("change", ({ target }) => {
  settings.resolution = target.value;
  save(settings);
  changeCamera();
});
$("codec").addEventListener("change", ({ target }) => {
  settings.codec = target.value;
  save(settings);
  if (running()) hint("The codec is used from the next start on.");
});
$("hear").addEventListener("change", ({ target }) => {
  settings.hear = target.checked;
  save(settings);
  showVoice();
});

navigator.mediaDevices?.addEventListener?.("devicechange", () => listCameras(own?.getVideoTracks()[0]?.getSettings?.().deviceId));
document.addEventListener("visibilitychange", () => running() && stayAwake());
addEventListener("pagehide", () => {
  keeper.abandon();
  stopAll("idle");
});

setInterval(() => {
  const pc = keeper.phase === "live" ? keeper.connection?.pc : null;
  if (!pc) return;
  seen.look = !seen.look;
  if (seen.look) figures.look(pc);
  readout.show(figures.get());
}, LOOK_MS);

$("resolution").value = settings.resolution;
$("codec").value = settings.codec;
$("hear").checked = settings.hear;
showFolded();
showVoice();
prepareViews();
listCameras();
prepare();
