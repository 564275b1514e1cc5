// Uses riffle's web page in Chromium as a person would.
//
//   node page.mjs http://127.0.0.1:8080 photo.jpg [screenshots/]
//
// Needs playwright-core and a Chromium; CHROMIUM names its program, default
// /usr/bin/chromium. TestPageInChromium runs it against a server whose answers
// are known: person, car, dog and dining table from left to right.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";

const [base, photo, shots] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
});

async function open(options = {}) {
  const context = await browser.newContext({ permissions: ["camera", "clipboard-read", "clipboard-write"], ...options });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    // A refused request is logged by the browser itself.
    if (message.type() === "error" && !message.text().includes("Failed to load resource")) faults.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith("blob:") && !url.startsWith("data:")) faults.push(`request to ${url}`);
  });
  await page.goto(base + "/");
  return { page, faults, close: () => context.close() };
}

async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, name + ".png"), fullPage: true });
}

const status = (page) => page.locator("#status").textContent();
const waitForStatus = (page, pattern) =>
  page.waitForFunction((p) => new RegExp(p).test(document.getElementById("status").textContent), pattern, { timeout: 15000 });

// setLevel moves the slider as the keyboard does.
async function setLevel(page, value) {
  await page.locator("#threshold").evaluate((slider, v) => {
    slider.value = v;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  }, String(value));
}

const tests = {
  async upload() {
    const { page, faults, close } = await open();
    await shot(page, "empty");
    let requests = 0;
    page.on("request", (r) => { if (r.method() === "POST") requests++; });
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects: person, car, dog$");
    assert.equal(await page.locator("#boxes rect.box").count(), 3);
    await shot(page, "upload");

    assert.equal(await page.locator("#boxes text").count(), 3);

    // The boxes lie over the picture: the car's covers the second quarter.
    const picture = await page.locator("#photo").boundingBox();
    const car = await page.locator('#boxes rect.box[data-label="car"]').boundingBox();
    assert.ok(Math.abs(car.x - (picture.x + picture.width / 4)) < 4, `car at ${car.x}, picture at ${picture.x}`);
    assert.ok(Math.abs(car.width - picture.width / 4) < 8, `car is ${car.width} wide`);

    await setLevel(page, 50);
    assert.equal(await status(page), "2 objects: person, car");
    await setLevel(page, 5);
    assert.equal(await status(page), "4 objects: person, car, dog, dining table");
    await page.getByLabel("person (1)").uncheck();
    assert.equal(await status(page), "3 objects: car, dog, dining table");
    await page.getByLabel("person (1)").check();
    assert.equal(requests, 1, "the slider and the labels ask the service again");

    await page.locator("#list button", { hasText: "dog" }).click();
    assert.equal(await page.locator("#boxes rect.box.on").count(), 1);
    await page.getByText("Timing").click();
    assert.match(await page.locator("#timing").textContent(), /network.*ms/);
    await page.getByRole("button", { name: "Copy as curl" }).click();
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    const name = basename(photo).replaceAll("'", `'\\''`);
    assert.equal(curl, `curl -F 'image=@${name}' '${base}/detect?threshold=0.05'`);
    await page.getByRole("button", { name: "Copy JSON" }).click();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText()));
    assert.equal(copied.detections.length, 4);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save picture" }).click();
    assert.match((await download).suggestedFilename(), /\.riffle\.jpg$/);
    await shot(page, "chosen");
    assert.deepEqual(faults, []);
    await close();
  },

  async keyboard() {
    const { page, faults, close } = await open();
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "objects");
    await page.locator("#threshold").focus();
    await page.keyboard.press("End");
    assert.equal(await status(page), "Nothing found at this level.");
    await page.keyboard.press("Home");
    assert.match(await status(page), /^4 objects/);
    await page.keyboard.press("Tab"); // the first label
    await page.keyboard.press("Space");
    assert.equal(await status(page), "3 objects: car, dog, dining table");
    assert.equal(await page.evaluate(() => document.activeElement.type), "checkbox", "the focus is lost");
    for (let i = 0; i < 4; i++) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the first object
    assert.equal(await page.locator("#list button[aria-pressed=true]").count(), 1);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.i), "1", "the focus is lost");
    assert.deepEqual(faults, []);
    await close();
  },

  async several() {
    const { page, faults, close } = await open();
    const text = join(tmpdir(), "riffle-page-test.jpg");
    writeFileSync(text, "no picture at all");
    await page.locator("#file").setInputFiles([photo, text, photo]);
    await waitForStatus(page, "^3 objects");
    assert.equal(await page.getByRole("option").count(), 3);
    await page.getByRole("option").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction(() => !document.getElementById("error").hidden);
    assert.match(await page.locator("#error").textContent(), /not a picture/);
    await shot(page, "error");
    await page.keyboard.press("ArrowRight");
    await waitForStatus(page, "^3 objects");
    assert.ok(await page.locator("#error").isHidden());
    await shot(page, "several");
    assert.deepEqual(faults, []);
    await close();
  },

  async dropAndPaste() {
    const { page, faults, close } = await open();
    const bytes = readFileSync(photo).toString("base64");
    for (const kind of ["drop", "paste"]) {
      await page.evaluate(({ bytes, kind }) => {
        const raw = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([raw], `${kind}.jpg`, { type: "image/jpeg" }));
        dispatchEvent(kind === "drop" ? new DragEvent("drop", { dataTransfer: data, cancelable: true }) : new ClipboardEvent("paste", { clipboardData: data }));
      }, { bytes, kind });
      await page.waitForFunction((k) => document.getElementById("caption").textContent === `${k}.jpg`, kind);
      await waitForStatus(page, "^3 objects");
    }
    assert.deepEqual(faults, []);
    await close();
  },

  async camera() {
    const { page, faults, close } = await open();
    await page.getByRole("button", { name: "Use the camera" }).click();
    await waitForStatus(page, "^3 objects");
    await page.waitForFunction(() => /Camera, [\d.]+ pictures a second/.test(document.getElementById("caption").textContent));
    assert.equal(await page.locator("#boxes rect.box").count(), 3);
    await shot(page, "camera");
    await page.keyboard.press("Escape");
    await page.waitForFunction(() => !document.getElementById("photo").hidden);
    assert.equal(await page.getByRole("button", { name: "Use the camera" }).count(), 1);
    await waitForStatus(page, "^3 objects"); // the last frame stays
    assert.deepEqual(faults, []);
    await close();
  },

  async themeAndPhone() {
    const { page, faults, close } = await open({ viewport: { width: 375, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "dark" });
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} pixels wider than the phone`);
    await shot(page, "phone-dark");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.getByRole("button", { name: "Theme: auto" }).click();
    assert.notEqual(await ground(), dark);
    await page.getByRole("button", { name: "Theme: light" }).click();
    assert.equal(await ground(), dark);
    await page.reload();
    assert.equal(await page.getByRole("button", { name: "Theme: dark" }).count(), 1, "the theme is forgotten");
    // Fingers need room.
    for (const b of await page.locator("#drop button").all()) assert.ok((await b.boundingBox()).height >= 40);
    assert.deepEqual(faults, []);
    await close();
  },

  async docs() {
    const { page, faults, close } = await open();
    await page.getByRole("link", { name: "API" }).click();
    await page.getByRole("heading", { name: "Errors" }).waitFor();
    await shot(page, "docs");
    assert.deepEqual(faults, []);
    await close();
  },

  async example() {
    const { page, faults, close } = await open();
    await page.getByRole("button", { name: "Try an example" }).click();
    await waitForStatus(page, "^3 objects");
    assert.equal(await page.locator("#caption").textContent(), "street.jpg");
    assert.deepEqual(faults, []);
    await close();
  },

  async colors() {
    // As in pictures that the service draws; person, car and dog differ.
    const { page, close } = await open();
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    const { models } = await (await page.request.get(base + "/models")).json();
    const want = Object.fromEntries(models[0].classes.map((c) => [c.name, c.color]));
    const got = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("#boxes rect.box")].map((r) => [r.dataset.label, r.getAttribute("stroke")])));
    for (const label of ["person", "car", "dog"]) assert.equal(got[label], want[label]);
    assert.equal(new Set(Object.values(got)).size, 3);
    await close();
  },

  async pointing() {
    const { page, faults, close } = await open();
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    await page.locator("#list button", { hasText: "car" }).hover();
    assert.equal(await page.locator("#boxes rect.box.on").getAttribute("data-label"), "car");
    const frame = await page.locator("#frame").boundingBox();
    await page.mouse.move(frame.x + frame.width / 8, frame.y + frame.height / 2);
    assert.equal(await page.locator("#boxes rect.box.on").getAttribute("data-label"), "person");
    assert.match(await page.locator("#list button.on").textContent(), /person/);
    await page.mouse.move(2, 2);
    assert.equal(await page.locator("#boxes rect.box.on").count(), 0);
    await page.mouse.click(frame.x + frame.width / 8, frame.y + frame.height / 2);
    await page.mouse.move(2, 2);
    assert.equal(await page.locator("#list button[aria-pressed=true]").count(), 1);
    assert.deepEqual(faults, []);
    await close();
  },

  async smallPicturesFill() {
    const { page, close } = await open({ viewport: { width: 1280, height: 900 } });
    await page.evaluate(async () => {
      const canvas = document.createElement("canvas");
      canvas.width = 64;
      canvas.height = 48;
      canvas.getContext("2d").fillRect(0, 0, 64, 48);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
      const data = new DataTransfer();
      data.items.add(new File([blob], "small.png", { type: "image/png" }));
      dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));
    });
    await waitForStatus(page, "^3 objects");
    const shown = await page.locator("#photo").boundingBox();
    assert.ok(shown.width > 600, `a small picture is shown ${shown.width} wide`);
    assert.ok(Math.abs(shown.width / shown.height - 64 / 48) < 0.02, "its shape changes");
    await close();
  },

  async curlOfWhatIsSeen() {
    const { page, close } = await open();
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    await page.getByLabel("person (1)").uncheck();
    await page.getByRole("button", { name: "Copy as curl" }).click();
    const curl = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(curl.includes("labels=car%2Cdog'"), curl); // not the table, a guess below the level
    await close();
  },

  async withoutJavaScript() {
    const { page, close } = await open({ javaScriptEnabled: false });
    const text = await page.locator("body").innerText();
    assert.match(text, /needs JavaScript/);
    assert.ok(text.includes(`curl -F image=@photo.jpg ${base.replace("http://", "")}/detect`), text);
    assert.ok(await page.locator("#pick").isHidden());
    await shot(page, "no-script");
    await close();
  },

  async printed() {
    const { page, close } = await open({ colorScheme: "dark" });
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    await page.emulateMedia({ media: "print" });
    for (const id of ["drop", "threshold", "curl"]) assert.ok(await page.locator(`#${id}`).isHidden(), `${id} is printed`);
    assert.ok(await page.locator("#list").isVisible());
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
    await shot(page, "printed");
    await close();
  },

  async names() {
    // Everything that can be used has a name that a screen reader can say.
    const { page, close } = await open();
    await page.locator("#file").setInputFiles(photo);
    await waitForStatus(page, "^3 objects");
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, a, [role]")]
        .filter((e) => e.offsetParent !== null)
        .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length || e.querySelector("img[alt]:not([alt=''])")))
        .map((e) => e.outerHTML.slice(0, 80)));
    assert.deepEqual(nameless, []);
    await close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stack}`);
  }
}
await browser.close();
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
