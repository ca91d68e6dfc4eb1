// The page: puts its parts together. What happens on the way of the video is in keeper.js and
// connection.js, what is seen in stage.js, panel.js, gallery.js and upload.js.

import { Refusal, command, setup as askSetup, useToken } from "./api.js";
import { announce, copyLink, popOut } from "./cleanview.js";
import { Devices } from "./devices.js";
import { $, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Keeper } from "./keeper.js";
import { Figures } from "./latency.js";
import { NoCamera, lacking } from "./media.js";
import { sentence } from "./notices.js";
import { panicking, setPanic } from "./panic.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Readout, showPill } from "./readout.js";
import { Recorder, showRecording } from "./recorder.js";
import { able, inPage, prepareViews, showButtons, showFace, showHint, showNotice, showPhase, showPrompt } from "./stage.js";
import { load, save } from "./store.js";
import { Uploader } from "./upload.js";
import { Watch } from "./watch.js";
import { wire } from "./wiring.js";
import { Wishes } from "./wishes.js";

const LOOK_MS = 500;

const settings = load();
const keeper = new Keeper();
const devices = new Devices(settings);
const figures = new Figures($("camera"), $("portrait"));
const readout = new Readout();
const gallery = new Gallery();
const uploader = new Uploader();
const recorder = new Recorder();
const panel = new Panel(settings);
const watch = new Watch();
const picture = new Picture(settings);
const wishes = new Wishes(() => keeper.session, (error) => hint(sentence(error.message)));

let setup = null;
let attempt = 0; // at starting: a stop in between makes it another one
let entered = false; // a token, by hand
let hinted = 0;
let ticks = 0;

const running = () => keeper.phase !== "stopped";

function hint(text, forMs = 6000) {
  showHint(text);
  clearTimeout(hinted);
  if (text) hinted = setTimeout(() => showHint(""), forMs);
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
  const kind = isToken ? (entered ? "token-wrong" : "token") : error instanceof Refusal ? "failed" : "lost";
  showNotice(kind, { message: isToken ? "" : error.message, act: { token: enter, retry: prepare, now: prepare } });
}

function enter(text) {
  entered = true;
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
  const mine = ++attempt;
  showNotice("");
  showPhase("asking");
  showPill("busy", "Asking for the camera");
  buttons(true);
  try {
    await devices.take();
    if (settings.microphone) await devices.takeVoice();
  } catch (error) {
    if (mine !== attempt) return;
    stopAll("problem");
    showNotice(error instanceof NoCamera ? error.kind : "failed", { message: error.message, act: { retry: start } });
    return;
  }
  if (mine !== attempt) return; // stopped meanwhile
  keeper.start(
    () => ({
      video: devices.video,
      audio: devices.voice,
      codec: settings.codec,
      controls: { ...panel.controls(), panic: panicking(), ...(gallery.chosen ? { portrait: gallery.chosen } : {}) },
    }),
    (found) => found !== setup && know(found),
  );
}

function stop() {
  keeper.stop();
  setPanic(false); // nothing is shown any more; whatever else ends a session leaves it hidden
  stopAll("idle");
}

function stopAll(phase) {
  attempt += 1;
  recorder.stop();
  devices.close();
  picture.clear();
  showNotice("");
  hint("");
  showPhase(phase);
  showPill(phase === "idle" ? "idle" : "problem", phase === "idle" ? "Ready" : "Stopped");
  buttons(false);
  readout.clear();
}

function buttons(isOn) {
  const live = keeper.phase === "live";
  showButtons(isOn, live, recorder.possible && (live || recorder.on));
}

// ---- camera and voice

function cameraLost() {
  keeper.stop();
  stopAll("problem");
  showNotice("camera-lost", { act: { retry: start } });
}

async function toggleVoice() {
  settings.microphone = !settings.microphone;
  await devices.changeVoice();
  picture.showSound();
  save(settings);
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
    picture.forget();
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
  watch.reset();
  showPill("live", "Live");
  announce(keeper.session);
  devices.stayAwake();
}

keeper.addEventListener("portrait", ({ detail }) => picture.show(detail));
$("portrait").addEventListener("loadeddata", () => keeper.shown());

keeper.addEventListener("rtt", ({ detail }) => figures.ping(detail));
keeper.addEventListener("told", ({ detail: message }) => {
  if (message.t === "draining") hint("The server is about to start anew; you are connected again by itself.", 15000);
  if (message.t !== "status") return;
  figures.hear(message);
  gallery.tell(message);
  panel.tell(message);
  showPrompt(keeper.phase === "live" ? (message.prompt ?? "") : "");
  if (keeper.phase === "live") watch.see(message, $("idle").checked || panicking());
});

// ---- what a person asks for

function ask(name) {
  if (!keeper.session) return;
  $("stage").scrollIntoView({ block: "nearest" }); // it tells there what to do
  command(keeper.session, name).catch((error) => error.status && hint(sentence(inPage(error.message))));
}

function doPanic(isOn) {
  if (!running()) return;
  setPanic(isOn);
  wishes.hurry({ panic: isOn });
}

function toggleRecording() {
  if (recorder.on) return recorder.stop();
  if (!recorder.start(picture.tracks())) hint("This browser cannot record the portrait.");
}

// ---- what the parts tell each other

devices.addEventListener("hint", ({ detail }) => hint(detail));
devices.addEventListener("lost", () => devices.open && cameraLost());
devices.addEventListener("changed", ({ detail: { kind, track } }) => {
  keeper.connection?.replace(kind, track).catch(() => {}); // lost meanwhile: the next one begins with it
});
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

document.addEventListener("visibilitychange", () => running() && devices.stayAwake());
addEventListener("pagehide", () => {
  keeper.abandon();
  stopAll("idle");
});

setInterval(() => {
  const pc = keeper.phase === "live" ? keeper.connection?.pc : null;
  if (!pc) return;
  ticks += 1;
  if (ticks % 2) figures.look(pc);
  readout.show(figures.get());
}, LOOK_MS);

wire(settings, {
  start: () => (running() || $("start").classList.contains("on") ? stop() : start()),
  ask,
  toggleVoice,
  toggleRecording,
  panic: (isOn) => doPanic(isOn ?? !panicking()),
  popOut: () => popOut(keeper.session),
  copyLink: () => copyLink(keeper.session),
  changeCamera: () => devices.change(),
  changeCodec: () => running() && hint("The codec is used from the next start on."),
  changeHearing: () => picture.showSound(),
});
picture.showSound();
setPanic(panicking());
prepareViews();
devices.list();
prepare();
