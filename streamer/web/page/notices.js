// What can go wrong, in words for a person: what it is, and what to do.

import { browserKind } from "./media.js";

const ALLOW = {
  chromium: ["Click the icon left of the address.", "Set “Camera” to “Allow”.", "Try again; if asked to, load the page anew."],
  firefox: ["Click the crossed-out camera left of the address.", "Remove “Blocked” beside the camera.", "Try again and choose “Allow”."],
  safari: ["Choose Safari › Settings for this website.", "Set “Camera” to “Allow”.", "Load the page anew."],
  ios: ["Tap “aA” or the page icon in the address bar, then “Website Settings”.", "Set “Camera” to “Allow”.", "Load the page anew."],
  android: ["Tap the icon left of the address, then “Permissions”.", "Allow the camera.", "Try again."],
};

const local = () => `http://localhost${location.port ? `:${location.port}` : ""}/`;

/** {icon, title, text, steps, action: retry | now | token | reload | none, calm}. `message` is the server's. */
const NOTICES = {
  denied: () => ({
    icon: "no-camera",
    title: "The camera is not allowed",
    text: "This page may not use your camera. You can change that:",
    steps: ALLOW[browserKind()],
    action: "retry",
  }),
  "denied-by-system": () => ({
    icon: "no-camera",
    title: "The system keeps the camera from this browser",
    text: "Allow it in the settings of your computer or phone:",
    steps: ["Open the system’s settings for privacy, then “Camera”.", "Switch this browser on.", "Start the browser again."],
    action: "retry",
  }),
  "no-camera": () => ({
    icon: "camera",
    title: "No camera was found",
    text: "Plug one in, or switch it on: some laptops have a slider or a key for it. Then try again.",
    action: "retry",
  }),
  "in-use": () => ({
    icon: "camera",
    title: "The camera is in use",
    text: "Another program or tab holds it. Close calls and camera programs, then try again.",
    action: "retry",
  }),
  "camera-lost": () => ({
    icon: "no-camera",
    title: "The camera has gone",
    text: "It was unplugged, or another program took it. Plug it in again, or choose another one.",
    action: "retry",
  }),
  insecure: () => ({
    icon: "lock",
    title: "Cameras need a secure page",
    text: "Browsers give a camera only to pages that come by https, or from the same computer.",
    steps: [
      `On the computer on which Vivant runs: open ${local()}`,
      "On any other: start it with “vivant serve --host 0.0.0.0 --self-signed” and open the link that it prints.",
    ],
    action: "none",
  }),
  old: () => ({
    icon: "old",
    title: "This browser has no video calls",
    text: "It is too old for them, or made without (WebRTC). Use a current Chrome, Edge, Firefox or Safari.",
    action: "none",
  }),
  token: () => ({
    icon: "key",
    title: "This server needs its link",
    text: "Open the link or scan the code that “vivant serve” printed; or paste the link, or its token, here.",
    action: "token",
  }),
  "token-wrong": () => ({
    icon: "key",
    title: "That token is not the right one",
    text: "Each start of the server has a new one, unless it is set. Paste the newest link, or its token.",
    action: "token",
  }),
  full: () => ({
    icon: "people",
    title: "All places are taken",
    text: "You get in as soon as somebody leaves. Nothing is lost while you wait.",
    action: "now",
    calm: true,
  }),
  rate: () => ({
    icon: "clock",
    title: "Too many requests",
    text: "The server asks for a pause. It goes on by itself.",
    action: "now",
    calm: true,
  }),
  lost: () => ({
    icon: "cloud",
    title: "The connection was lost",
    text: "It is made again by itself, and your settings are kept.",
    action: "now",
    calm: true,
  }),
  blocked: (message) => ({
    icon: "cloud",
    title: "The video cannot get through",
    text: message || "The page came, but no way for video was found. Use the same network as the server, leave the VPN, or have a TURN server set up there.",
    action: "now",
    calm: true,
  }),
  draining: () => ({
    icon: "clock",
    title: "The server is starting anew",
    text: "It is back in a moment, and so is your portrait, with the same settings.",
    action: "now",
    calm: true,
  }),
  failed: (message) => ({
    icon: "alert",
    title: "That did not work",
    text: sentence(message) || "The server could not begin. Try again; its log tells more.",
    action: "retry",
  }),
  "ended-failed": (message) => ({
    icon: "alert",
    title: "The portrait could not go on",
    text: sentence(message) || "The server could not go on with this session.",
    action: "retry",
  }),
  "ended-silent": () => ({
    icon: "no-camera",
    title: "No video came from the camera",
    text: "It is on, but sends nothing: its cover may be shut, or the computer slept.",
    action: "retry",
  }),
  "ended-replaced": () => ({
    icon: "people",
    title: "You began in another window",
    text: "This browser has another session now. Start here to have it back.",
    action: "retry",
    calm: true,
  }),
};

/** A notice by its kind. */
export function notice(kind, message = "") {
  return { kind, ...(NOTICES[kind] ?? NOTICES.failed)(message) };
}

/** The server's words as a sentence. */
export function sentence(text) {
  if (!text) return "";
  const begun = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

export const NO_FACE = "No face is seen. Sit straight before the camera, an arm’s length away, with light on your face.";
export const NO_VIDEO = "No video comes from your camera. Is its cover open?";
