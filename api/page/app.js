// The page of riffle: pictures go to POST /detect as they are, boxes are drawn
// here, so that threshold and labels need no new request.

const $ = (id) => document.getElementById(id);
const svgElement = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

// Everything from this score on is asked for once; the slider starts there too.
const lowest = 0.05;
const state = {
  shots: [], // {name, blob, url, result, error}
  at: -1,
  hidden: new Set(), // labels that are switched off
  chosen: -1, // index of the object that was clicked
  pointed: -1, // index of the object under the pointer, in the picture or the list
  models: [], // the detectors on offer
  model: "", // the chosen one, "" for the service's default
  colors: new Map(), // of labels, as in pictures that the service draws
  key: "",
  camera: null, // the MediaStream in use
};

const current = () => state.shots[state.at];

// colorOf is the color of a label's boxes: the service's, or for labels that it
// gave none one that no other label of this page has.
function colorOf(label) {
  if (!state.colors.has(label)) {
    const hue = (state.colors.size * 137.5 + 20) % 360;
    state.colors.set(label, `hsl(${hue} 85% 42%)`);
  }
  return state.colors.get(label);
}

// inkOn is black or white, whichever is easier to read on a color #rrggbb.
function inkOn(color) {
  if (!color.startsWith("#")) return "#fff";
  const [r, g, b] = [1, 3, 5].map((i) => (parseInt(color.slice(i, i + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.25 ? "#000" : "#fff";
}

const threshold = () => Number($("threshold").value) / 100;

function visible(result) {
  return result.detections
    .map((d, i) => ({ ...d, i }))
    .filter((d) => d.score >= threshold() && !state.hidden.has(d.label));
}

// --- asking -----------------------------------------------------------------

// What the kinds of problems mean to somebody who only wants to see a photo
// looked at. Others are told in the service's words.
const words = {
  "not-an-image": "This file is not a picture that can be read. JPEG, PNG, GIF, WebP, BMP and TIFF can.",
  "unsupported-picture": "This kind of picture cannot be read. Save it as JPEG or PNG and try again.",
  "truncated-picture": "This picture is not complete: the end of the file is missing.",
  "damaged-picture": "This picture is damaged and cannot be read.",
  "too-many-pixels": "This picture has too many pixels. Make it smaller and try again.",
  "body-too-large": "This file is too large. Make it smaller and try again.",
  "empty-body": "This file is empty.",
  "slow-body": "Sending the picture took too long. Try a smaller one.",
  unauthorized: "This service asks for an API key. Enter it below.",
  "foreign-origin": "The service does not know this page's address. Whoever runs it must let the reverse proxy pass on the host (see --trusted-proxy).",
  "unknown-model": "This model is not offered any more. Choose another one.",
  busy: "The service is busy. Try again in a moment.",
  timeout: "Looking took too long. Try again in a moment.",
  stopping: "The service is being restarted. Try again in a moment.",
  "model-unavailable": "The model cannot be loaded. The service's log has the reason.",
  internal: "Something went wrong in the service. Its log has the reason.",
};

const retries = 5; // of a request that found the service busy

async function ask(path, init) {
  const headers = { ...init.headers };
  if (state.key) headers["X-Api-Key"] = state.key;
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(path, { ...init, headers });
    if (response.ok) return response;
    const error = await problemOf(response);
    if (error.kind !== "busy" || attempt === retries) throw error;
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(seconds, 5)));
  }
}

async function problemOf(response) {
  let text = `The service answers ${response.status} ${response.statusText}.`;
  let kind = "";
  try {
    const problem = await response.json();
    kind = (problem.type || "").split("#")[1] ?? "";
    text = words[kind] ?? problem.detail ?? text;
  } catch {
    // Not from riffle, but from something between it and us.
    if (response.status === 413) text = words["body-too-large"];
  }
  if (response.status === 401) {
    $("keyform").hidden = false;
    $("key").focus();
  }
  const error = new Error(text);
  error.kind = kind;
  return error;
}

// detectPath is /detect with the model that was chosen.
function detectPath(query) {
  const q = new URLSearchParams(query);
  if (state.model) q.set("model", state.model);
  return `detect?${q}`;
}

async function detect(blob, signal) {
  const response = await ask(detectPath({ threshold: lowest }), {
    method: "POST",
    body: blob,
    signal,
    headers: { Accept: "application/json", "Content-Type": blob.type || "application/octet-stream" },
  });
  return response.json();
}

// A kind of picture that this browser cannot show comes back as one it can.
async function converted(blob) {
  const response = await ask(detectPath({ threshold: 1, max_detections: 1 }), {
    method: "POST",
    body: blob,
    headers: { Accept: "image/jpeg", "Content-Type": blob.type || "application/octet-stream" },
  });
  return response.blob();
}

// --- pictures ---------------------------------------------------------------

function addFiles(files) {
  stopCamera();
  const first = state.shots.length;
  for (const file of files) {
    state.shots.push({ name: file.name || "pasted picture", blob: file, url: URL.createObjectURL(file) });
  }
  if (state.shots.length === first) return;
  show(first);
  drawStrip();
  for (let i = first; i < state.shots.length; i++) look(state.shots[i]);
}

// One request after the other: a hundred photos must not fill the queue.
let turn = Promise.resolve();

function look(shot) {
  turn = turn.then(async () => {
    try {
      shot.result = await detect(shot.blob);
      shot.error = "";
    } catch (error) {
      shot.error = error instanceof TypeError ? "The service cannot be reached. Is it running?" : error.message;
    }
    if (shot === current()) draw();
  });
}

function show(index) {
  state.at = index;
  state.chosen = -1;
  state.pointed = -1;
  const shot = current();
  $("view").hidden = false;
  $("drop").classList.add("small");
  $("video").hidden = true;
  $("photo").hidden = false;
  $("photo").src = shot.url;
  $("photo").alt = shot.name;
  $("caption").textContent = shot.name;
  drawStrip();
  draw();
}

// fit lets the picture take all the room that there is, small ones too.
function fit(width, height) {
  if (width && height) $("frame").style.setProperty("--aspect", width / height);
}

$("photo").addEventListener("load", () => fit($("photo").naturalWidth, $("photo").naturalHeight));
$("photo").addEventListener("error", async () => {
  const shot = current();
  if (!shot || shot.converted) return;
  shot.converted = true;
  try {
    shot.url = URL.createObjectURL(await converted(shot.blob));
    if (shot === current()) $("photo").src = shot.url;
    drawStrip();
  } catch {
    if (shot === current()) $("photo").hidden = true; // no picture at all: the error says so
  }
});

function drawStrip() {
  const strip = $("strip");
  strip.hidden = state.shots.length < 2 || state.camera !== null;
  strip.replaceChildren(
    ...state.shots.map((shot, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("role", "option");
      button.setAttribute("aria-selected", String(i === state.at));
      button.tabIndex = i === state.at ? 0 : -1;
      const img = document.createElement("img");
      img.src = shot.url;
      img.alt = shot.name;
      button.append(img);
      button.addEventListener("click", () => show(i));
      return button;
    }),
  );
}

$("strip").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(Math.min(Math.max(state.at + step, 0), state.shots.length - 1));
  $("strip").children[state.at].focus();
});

// --- drawing ----------------------------------------------------------------

function draw() {
  const shot = current();
  const result = shot?.result;
  $("error").hidden = !shot?.error;
  $("error").textContent = shot?.error ?? "";
  $("controls").hidden = !result;
  $("level").textContent = `${$("threshold").value} %`;
  if (!result) {
    $("boxes").replaceChildren();
    setStatus(shot?.error ? "That did not work." : "Looking …");
    return;
  }
  const objects = visible(result);
  drawBoxes(result, objects);
  drawChips(result);
  drawList(objects);
  drawTiming(result);
  setStatus(summary(objects));
}

// The live region is read aloud on every change: only real ones count.
function setStatus(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

function summary(objects) {
  if (objects.length === 0) return "Nothing found at this level.";
  const counts = new Map();
  for (const d of objects) counts.set(d.label, (counts.get(d.label) ?? 0) + 1);
  const parts = [...counts].map(([label, n]) => (n === 1 ? label : `${n} × ${label}`));
  return `${objects.length} ${objects.length === 1 ? "object" : "objects"}: ${parts.join(", ")}`;
}

function drawBoxes(result, objects) {
  const svg = $("boxes");
  fit(result.width, result.height);
  svg.setAttribute("viewBox", `0 0 ${result.width} ${result.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const shown = svg.getBoundingClientRect().width || result.width;
  const px = result.width / shown; // one pixel of the screen in the picture's
  const marked = markedObject(objects);
  svg.classList.toggle("dim", marked >= 0);
  svg.classList.toggle("narrow", shown < 480);
  // The marked one and the surest get their labels first; small boxes lie on top,
  // where the pointer finds them.
  const ordered = [...objects].sort((a, b) => (b.i === marked) - (a.i === marked) || a.i - b.i);
  const area = (d) => (d.box[2] - d.box[0]) * (d.box[3] - d.box[1]);
  svg.replaceChildren(...[...objects].sort((a, b) => (a.i === marked) - (b.i === marked) || area(b) - area(a)).map((d) => boxOf(d, marked)));
  const taken = [];
  const narrow = shown < 480;
  for (const d of ordered) labelBox(svg, d, { size: (narrow ? 11 : 13) * px, px, narrow, result, objects, taken, marked });
}

// markedObject is the object under the pointer, or else the one that was clicked.
function markedObject(objects) {
  for (const i of [state.pointed, state.chosen]) if (objects.some((d) => d.i === i)) return i;
  return -1;
}

function boxOf(d, marked) {
  const [x1, y1, x2, y2] = d.box;
  const rect = svgElement("rect");
  rect.classList.add("box");
  rect.classList.toggle("on", d.i === marked);
  rect.dataset.label = d.label;
  rect.dataset.i = d.i;
  rect.setAttribute("x", x1);
  rect.setAttribute("y", y1);
  rect.setAttribute("width", Math.max(x2 - x1, 0));
  rect.setAttribute("height", Math.max(y2 - y1, 0));
  rect.setAttribute("stroke", colorOf(d.label));
  rect.setAttribute("color", colorOf(d.label));
  return rect;
}

// labelBox writes a label above the box, or else below it, or else into it if it
// is large. No label lies over another one or hides a good part of an object; where
// there is no such place the list has to do, until the object is pointed at.
function labelBox(svg, d, at) {
  const { size, px, result, objects, taken, marked } = at;
  const text = svgElement("text");
  text.textContent = at.narrow && d.i !== marked ? d.label : `${d.label} ${Math.round(100 * d.score)} %`;
  text.setAttribute("font-size", size);
  const g = svgElement("g");
  g.classList.toggle("on", d.i === marked);
  g.append(text);
  svg.append(g); // text has no length before it is there
  const width = text.getComputedTextLength() + 8 * px;
  const height = size * 1.45;
  const x = Math.min(Math.max(d.box[0], 0), Math.max(result.width - width, 0));
  const places = [d.box[1] - height, d.box[3], d.box[1], d.box[3] - height].map((y) => ({ x, y, right: x + width, bottom: y + height }));
  const shared = (p, [x1, y1, x2, y2]) => Math.max(0, Math.min(p.right, x2) - Math.max(p.x, x1)) * Math.max(0, Math.min(p.bottom, y2) - Math.max(p.y, y1));
  const hides = (p) => objects.some(({ box }) => shared(p, box) > 0.15 * (box[2] - box[0]) * (box[3] - box[1]));
  const inside = (p) => p.y >= 0 && p.bottom <= result.height;
  const free = (p) => inside(p) && !taken.some((o) => p.x < o.right && p.right > o.x && p.y < o.bottom && p.bottom > o.y);
  const place = places.find((p) => free(p) && !hides(p)) ?? (d.i === marked ? (places.find(inside) ?? { ...places[2], y: 0 }) : undefined);
  if (!place) {
    g.remove();
    return;
  }
  taken.push(place);
  const color = colorOf(d.label);
  const back = svgElement("rect");
  back.setAttribute("x", x);
  back.setAttribute("y", place.y);
  back.setAttribute("width", width);
  back.setAttribute("height", height);
  back.setAttribute("fill", color);
  text.setAttribute("x", x + 4 * px);
  text.setAttribute("y", place.y + size * 1.08);
  text.setAttribute("fill", inkOn(color));
  text.before(back);
}

// point marks an object while the pointer is over it, in the picture or the list.
function point(i) {
  if (state.pointed === i) return;
  state.pointed = i;
  const shot = current();
  if (!shot?.result) return;
  drawBoxes(shot.result, visible(shot.result));
  for (const button of $("list").querySelectorAll("button")) button.classList.toggle("on", Number(button.dataset.i) === i);
}

const indexOf = (event, selector) => Number(event.target.closest?.(selector)?.dataset.i ?? -1);

// The boxes are drawn anew at each mark, so the frame listens and not they.
$("frame").addEventListener("pointermove", (event) => {
  if (event.pointerType !== "touch") point(boxUnder(event));
});
$("frame").addEventListener("pointerleave", () => point(-1));
$("frame").addEventListener("click", (event) => choose(boxUnder(event)));
$("list").addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch") point(indexOf(event, "button"));
});
$("list").addEventListener("pointerleave", () => point(-1));
$("list").addEventListener("focusin", (event) => {
  if (event.target.matches(":focus-visible")) point(indexOf(event, "button"));
});
$("list").addEventListener("focusout", () => point(-1));

// boxUnder is the smallest object under the pointer, -1 for none.
function boxUnder(event) {
  const result = current()?.result;
  if (!result) return -1;
  const frame = $("frame").getBoundingClientRect();
  const x = ((event.clientX - frame.left) / frame.width) * result.width;
  const y = ((event.clientY - frame.top) / frame.height) * result.height;
  const area = (d) => (d.box[2] - d.box[0]) * (d.box[3] - d.box[1]);
  const hit = visible(result).filter(({ box: [x1, y1, x2, y2] }) => x >= x1 && x <= x2 && y >= y1 && y <= y2);
  return hit.sort((a, b) => area(a) - area(b))[0]?.i ?? -1;
}

function choose(i) {
  state.chosen = state.chosen === i ? -1 : i;
  draw();
}

function drawChips(result) {
  const counts = new Map();
  for (const d of result.detections) if (d.score >= threshold()) counts.set(d.label, (counts.get(d.label) ?? 0) + 1);
  // What is switched off stays there, else it could not be switched on again.
  for (const d of result.detections) if (state.hidden.has(d.label) && !counts.has(d.label)) counts.set(d.label, 0);
  $("labels").hidden = counts.size === 0;
  const chips = $("chips");
  const signature = JSON.stringify([...counts]);
  if (chips.dataset.of === signature) return; // keeps the focus where it is
  const focused = chips.contains(document.activeElement) ? document.activeElement.value : null;
  chips.dataset.of = signature;
  chips.replaceChildren(
    ...[...counts].map(([label, n]) => {
      const wrap = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.value = label;
      box.checked = !state.hidden.has(label);
      box.addEventListener("change", () => {
        if (box.checked) state.hidden.delete(label);
        else state.hidden.add(label);
        draw();
      });
      wrap.append(box, `${label} (${n})`);
      return wrap;
    }),
  );
  if (focused !== null) [...chips.querySelectorAll("input")].find((b) => b.value === focused)?.focus();
}

function drawList(objects) {
  const list = $("list");
  // The camera changes the list many times a second: nothing to keep then.
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.i : null;
  list.replaceChildren(
    ...objects.map((d) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.i = d.i;
      button.setAttribute("aria-pressed", String(d.i === state.chosen));
      const swatch = svgElement("svg");
      swatch.setAttribute("viewBox", "0 0 1 1");
      swatch.setAttribute("aria-hidden", "true");
      const square = svgElement("rect");
      square.setAttribute("width", 1);
      square.setAttribute("height", 1);
      square.setAttribute("rx", 0.2);
      square.setAttribute("fill", colorOf(d.label));
      swatch.append(square);
      const name = document.createElement("span");
      name.textContent = d.label;
      const score = document.createElement("span");
      score.textContent = `${(100 * d.score).toFixed(1)} %`;
      button.append(swatch, name, score);
      button.addEventListener("click", () => choose(d.i));
      item.append(button);
      return item;
    }),
  );
  if (focused !== null) list.querySelector(`button[data-i="${focused}"]`)?.focus();
}

function drawTiming(result) {
  const rows = Object.entries(result.timing_ms).sort(([a], [b]) => (a === "total") - (b === "total"));
  $("timing").tBodies[0].replaceChildren(
    ...rows.map(([stage, ms]) => {
      const row = document.createElement("tr");
      for (const text of [stage.replaceAll("_", " "), `${ms.toFixed(1)} ms`]) {
        const cell = document.createElement("td");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    }),
  );
}

// --- camera -----------------------------------------------------------------

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    fail("The camera works only on https:// pages and on localhost.");
    return;
  }
  try {
    state.camera = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 640 }, height: { ideal: 480 } },
    });
  } catch (error) {
    fail(error.name === "NotFoundError" ? "No camera found." : "The camera may not be used: the browser or the system forbids it.");
    return;
  }
  $("camera").textContent = "Stop the camera";
  $("view").hidden = false;
  $("drop").classList.add("small");
  $("photo").hidden = true;
  $("strip").hidden = true;
  $("video").hidden = false;
  $("video").srcObject = state.camera;
  await $("video").play();
  watch(state.camera);
}

// watch sends one frame after the other, as fast as the service answers.
async function watch(camera) {
  const video = $("video");
  const canvas = document.createElement("canvas");
  let last = performance.now();
  let every = 0;
  while (state.camera === camera) {
    if (video.videoWidth === 0) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      continue;
    }
    fit(video.videoWidth, video.videoHeight);
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    let shot;
    try {
      shot = { name: "camera.jpg", blob, result: await detect(blob) };
    } catch (error) {
      shot = { name: "camera.jpg", blob, error: error.message };
      // Busy is no reason to give up, but one to wait.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (state.camera !== camera) return;
    const now = performance.now();
    every = every ? 0.8 * every + 0.2 * (now - last) : now - last;
    last = now;
    drawLive(shot, every);
  }
}

function drawLive(shot, every) {
  state.shots = state.shots.filter((s) => !s.live);
  shot.live = true;
  shot.url = "";
  state.shots.push(shot);
  state.at = state.shots.length - 1;
  state.chosen = -1;
  draw();
  $("caption").textContent = `Camera, ${(1000 / every).toFixed(1)} pictures a second`;
}

function stopCamera() {
  if (!state.camera) return;
  for (const track of state.camera.getTracks()) track.stop();
  state.camera = null;
  $("video").srcObject = null;
  $("camera").textContent = "Use the camera";
  // The last frame stays, as a photo.
  const shot = current();
  if (shot?.live) {
    shot.live = false;
    shot.url = URL.createObjectURL(shot.blob);
    show(state.at);
  } else {
    $("video").hidden = true;
    $("view").hidden = true;
  }
}

function fail(text) {
  $("error").textContent = text;
  $("error").hidden = false;
}

// --- buttons ----------------------------------------------------------------

const shellQuoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// query asks the service for what the page shows now.
function query() {
  const q = new URLSearchParams({ threshold: threshold().toFixed(2) });
  const result = current()?.result;
  if (result && state.hidden.size > 0) {
    // Only what is seen: labels of weaker guesses would make a list that nobody reads.
    const labels = [...new Set(visible(result).map((d) => d.label))];
    if (labels.length > 0) q.set("labels", labels.join(","));
  }
  return q;
}

function curlCommand() {
  const url = new URL(detectPath(query()), location.href);
  const key = state.key ? ` -H ${shellQuoted(`X-Api-Key: ${state.key}`)}` : "";
  return `curl${key} -F ${shellQuoted(`image=@${current()?.name ?? "photo.jpg"}`)} ${shellQuoted(url.href)}`;
}

async function copy(button, text) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Only pages on https:// and localhost may use the clipboard.
    window.prompt("Copy this:", text);
  }
  setTimeout(() => (button.textContent = before), 1500);
}

$("curl").addEventListener("click", (event) => copy(event.currentTarget, curlCommand()));
$("json").addEventListener("click", (event) => {
  const result = { ...current().result };
  result.detections = visible(result).map(({ i, ...d }) => d);
  copy(event.currentTarget, JSON.stringify(result));
});
$("save").addEventListener("click", async () => {
  const shot = current();
  const q = query();
  if (visible(shot.result).length === 0) q.set("threshold", "1");
  try {
    const response = await ask(detectPath(q), { method: "POST", body: shot.blob, headers: { Accept: "image/jpeg" } });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `${shot.name.replace(/\.[^.]*$/, "")}.riffle.jpg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    fail(error.message);
  }
});
$("threshold").addEventListener("input", draw);
$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  addFiles($("file").files);
  $("file").value = "";
});
$("example").addEventListener("click", async () => {
  try {
    const blob = await (await ask("page/street.jpg", {})).blob();
    addFiles([new File([blob], "street.jpg", { type: "image/jpeg" })]);
  } catch (error) {
    fail(error instanceof TypeError ? "The service cannot be reached. Is it running?" : error.message);
  }
});
$("camera").addEventListener("click", () => (state.camera ? stopCamera() : startCamera()));
$("keyform").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value.trim();
  $("keyform").hidden = true;
  for (const shot of state.shots) if (shot.error) look(shot);
  describeModel();
});

// --- drop and paste ---------------------------------------------------------

let depth = 0; // dragenter and dragleave come for every element on the way
addEventListener("dragenter", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  depth++;
  $("veil").hidden = false;
});
addEventListener("dragleave", () => {
  depth = Math.max(depth - 1, 0);
  if (depth === 0) $("veil").hidden = true;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  $("veil").hidden = true;
  addFiles(event.dataTransfer.files);
});
addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) addFiles(files);
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopCamera();
});

// --- page -------------------------------------------------------------------

new ResizeObserver(() => {
  if (current()?.result) drawBoxes(current().result, visible(current().result));
}).observe($("frame"));

// Without this script the page only says that it needs it.
$("app").hidden = $("theme").hidden = false;

const themes = ["auto", "light", "dark"];
function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").textContent = `Theme: ${theme}`;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage may be off: the theme then lasts as long as the page.
  }
}
let theme = "auto";
try {
  theme = localStorage.getItem("theme") ?? "auto";
} catch {
  // As above.
}
setTheme(themes.includes(theme) ? theme : "auto");
$("theme").addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  setTheme(theme);
});

async function describeModel() {
  try {
    const { models } = await (await ask("models", {})).json();
    state.models = models.filter((m) => m.task === "detect");
  } catch {
    state.models = [];
  }
  for (const m of state.models) for (const c of m.classes) if (c.color) state.colors.set(c.name, c.color);
  const pick = $("modelpick");
  pick.replaceChildren(...state.models.map((m) => new Option(m.name)));
  $("modelchoice").hidden = state.models.length < 2;
  tellModel();
  if (current()?.result) draw();
}

function tellModel() {
  const m = state.models.find((one) => one.name === state.model) ?? state.models[0];
  if (!m) {
    $("model").textContent = "";
    return;
  }
  const ap = m.ap ? `, COCO AP ${(100 * m.ap).toFixed(1)}` : "";
  const name = state.models.length < 2 ? `${m.name}: ` : "";
  $("model").textContent = `${name}${m.classes.length} kinds of objects${ap}`;
}

$("modelpick").addEventListener("change", (event) => {
  state.model = event.target.selectedIndex > 0 ? event.target.value : "";
  tellModel();
  state.chosen = state.pointed = -1;
  for (const shot of state.shots) {
    if (shot.live) continue; // the next frame is asked of the new model
    shot.result = undefined;
    look(shot);
  }
  draw();
});
describeModel();
