// The page of riffle: pictures go to POST /detect as they are, boxes are drawn
// here, so that threshold and labels need no new request.

const $ = (id) => document.getElementById(id);
const svgElement = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

// Everything from this score on is asked for once; the slider starts there too.
const lowest = 0.05;
// Colours on which white letters can be read.
const palette = ["#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#b91c1c", "#0f766e", "#7e22ce", "#4d7c0f", "#be185d", "#0369a1"];

const state = {
  shots: [], // {name, blob, url, result, error}
  at: -1,
  hidden: new Set(), // labels that are switched off
  chosen: -1, // index of the highlighted object
  key: "",
  camera: null, // the MediaStream in use
};

const current = () => state.shots[state.at];

function colourOf(label) {
  let h = 0;
  for (const c of label) h = (h * 31 + c.codePointAt(0)) >>> 0;
  return palette[h % palette.length];
}

const threshold = () => Number($("threshold").value) / 100;

function visible(result) {
  return result.detections
    .map((d, i) => ({ ...d, i }))
    .filter((d) => d.score >= threshold() && !state.hidden.has(d.label));
}

// --- asking -----------------------------------------------------------------

async function ask(path, init) {
  const headers = { ...init.headers };
  if (state.key) headers["X-Api-Key"] = state.key;
  const response = await fetch(path, { ...init, headers });
  if (response.ok) return response;
  let detail = `${response.status} ${response.statusText}`;
  try {
    const problem = await response.json();
    detail = problem.detail || detail;
  } catch {
    // Not from riffle, but from something between it and us.
  }
  if (response.status === 401) {
    $("keyform").hidden = false;
    $("key").focus();
  }
  const error = new Error(detail);
  error.status = response.status;
  throw error;
}

async function detect(blob, signal) {
  const response = await ask(`detect?threshold=${lowest}`, {
    method: "POST",
    body: blob,
    signal,
    headers: { Accept: "application/json", "Content-Type": blob.type || "application/octet-stream" },
  });
  return response.json();
}

// A kind of picture that this browser cannot show comes back as one it can.
async function converted(blob) {
  const response = await ask("detect?threshold=1&max_detections=1", {
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
      shot.error = error instanceof TypeError ? "The service cannot be reached." : error.message;
    }
    if (shot === current()) draw();
  });
}

function show(index) {
  state.at = index;
  state.chosen = -1;
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
  svg.setAttribute("viewBox", `0 0 ${result.width} ${result.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const shown = svg.getBoundingClientRect().width || result.width;
  const px = result.width / shown; // one pixel of the screen in the picture's
  svg.classList.toggle("dim", objects.some((d) => d.i === state.chosen));
  // The chosen one and the surest get their labels first, and lie on top.
  const ordered = [...objects].sort((a, b) => (b.i === state.chosen) - (a.i === state.chosen) || a.i - b.i);
  svg.replaceChildren(...ordered.map(boxOf).reverse());
  const taken = [];
  for (const d of ordered) labelBox(svg, d, 13 * px, px, result, taken);
}

function boxOf(d) {
  const [x1, y1, x2, y2] = d.box;
  const rect = svgElement("rect");
  rect.classList.add("box");
  rect.classList.toggle("on", d.i === state.chosen);
  rect.dataset.label = d.label;
  rect.setAttribute("x", x1);
  rect.setAttribute("y", y1);
  rect.setAttribute("width", Math.max(x2 - x1, 0));
  rect.setAttribute("height", Math.max(y2 - y1, 0));
  rect.setAttribute("stroke", colourOf(d.label));
  rect.setAttribute("color", colourOf(d.label));
  return rect;
}

// labelBox writes a label above the box, or else into it at the top or the
// bottom, where it covers no better one; if there is no such place the list
// beside the picture has to do.
function labelBox(svg, d, size, px, result, taken) {
  const text = svgElement("text");
  text.textContent = `${d.label} ${Math.round(100 * d.score)} %`;
  text.setAttribute("font-size", size);
  const g = svgElement("g");
  g.classList.toggle("on", d.i === state.chosen);
  g.append(text);
  svg.append(g); // text has no length before it is there
  const width = text.getComputedTextLength() + 8 * px;
  const height = size * 1.45;
  const x = Math.min(Math.max(d.box[0], 0), Math.max(result.width - width, 0));
  const places = [d.box[1] - height, d.box[1], d.box[3] - height].map((y) => ({ x, y, right: x + width, bottom: y + height }));
  const free = (p) => p.y >= 0 && !taken.some((o) => p.x < o.right && p.right > o.x && p.y < o.bottom && p.bottom > o.y);
  const place = places.find(free);
  if (!place) {
    g.remove();
    return;
  }
  taken.push(place);
  const back = svgElement("rect");
  back.setAttribute("x", x);
  back.setAttribute("y", place.y);
  back.setAttribute("width", width);
  back.setAttribute("height", height);
  back.setAttribute("fill", colourOf(d.label));
  text.setAttribute("x", x + 4 * px);
  text.setAttribute("y", place.y + size * 1.08);
  text.before(back);
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
      square.setAttribute("fill", colourOf(d.label));
      swatch.append(square);
      const name = document.createElement("span");
      name.textContent = d.label;
      const score = document.createElement("span");
      score.textContent = `${(100 * d.score).toFixed(1)} %`;
      button.append(swatch, name, score);
      button.addEventListener("click", () => {
        state.chosen = state.chosen === d.i ? -1 : d.i;
        draw();
      });
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

function curlCommand() {
  const url = new URL("detect", location.href);
  url.search = "";
  url.hash = "";
  url.searchParams.set("threshold", threshold().toFixed(2));
  const result = current()?.result;
  if (result && state.hidden.size > 0) {
    const labels = [...new Set(result.detections.map((d) => d.label))].filter((l) => !state.hidden.has(l));
    if (labels.length > 0) url.searchParams.set("labels", labels.join(","));
  }
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
  const labels = [...new Set(visible(shot.result).map((d) => d.label))].join(",");
  const query = new URLSearchParams({ threshold: threshold().toFixed(2) });
  if (labels) query.set("labels", labels);
  else query.set("threshold", "1");
  try {
    const response = await ask(`detect?${query}`, { method: "POST", body: shot.blob, headers: { Accept: "image/jpeg" } });
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
    const ap = models[0].ap ? `, COCO AP ${(100 * models[0].ap).toFixed(1)}` : "";
    $("model").textContent = `${models[0].name}: ${models[0].classes.length} kinds of objects${ap}`;
  } catch {
    $("model").textContent = "";
  }
}
describeModel();
