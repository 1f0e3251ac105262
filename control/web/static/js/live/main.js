// The live floor: opens the feed, keeps what it says, and says so when the feed breaks.

import { Lines } from "./lines.js";
import { Floor } from "./render.js";
import { Store } from "./store.js";

// the server says something at least every 5 s; after twice that and a bit the feed is broken [ms]
const SILENCE_MS = 12000;
const RETRY_MS = 2000;
const SAYS = {
  joining: "joining …",
  live: "live",
  away: "the hub is away; waiting for it …",
  broken: "the feed broke; trying again …",
};

const ground = document.getElementById("floor");
const status = document.getElementById("feed");
const store = new Store(() => performance.now());
const floor = new Floor(store);
const lines = new Lines(ground, document.getElementById("lines"));
let source = null;
let heard = performance.now();
let planned = false;

function draw() {
  floor.draw();
  lines.draw();
}

// several changes of one moment are drawn once
function drawSoon() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    draw();
  });
}

function say(state) {
  if (status.dataset.state === state) return;
  status.dataset.state = state;
  status.textContent = SAYS[state];
  ground.classList.toggle("stale", state !== "live");
}

function on(name, handle) {
  source.addEventListener(name, (event) => {
    heard = performance.now();
    handle(JSON.parse(event.data));
  });
}

function open() {
  source?.close();
  heard = performance.now();
  source = new EventSource(ground.dataset.feed);
  on("names", (names) => { store.setNames(names); drawSoon(); });
  on("floor", (whole) => { store.setFloor(whole); say("live"); drawSoon(); });
  on("change", (change) => { store.merge(change); drawSoon(); });
  on("away", () => say("away"));
  on("beat", () => {});
  source.addEventListener("error", () => {
    say("broken");
    // the browser tries again by itself, unless the answer was no feed at all
    if (source.readyState === EventSource.CLOSED) setTimeout(reopen, RETRY_MS);
  });
}

// The feed may be refused since the session ended: then the log-in page is the answer.
async function reopen() {
  try {
    const answer = await fetch(location.href, { redirect: "manual" });
    if (answer.type === "opaqueredirect") location.reload();
  } catch {
    // no server at all: the feed will say so again
  }
  open();
}

setInterval(() => {
  if (performance.now() - heard > SILENCE_MS) {
    say("broken");
    open();
  }
  draw();
}, 1000);
addEventListener("resize", drawSoon);
addEventListener("pagehide", () => source?.close());
open();
