// What a person does, in a real browser. SCENARIO names one; any exception fails the test.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
const tools = process.env.TOOLS;
const { chromium } = await import(`${tools}/node_modules/playwright-core/index.mjs`);
const axe = readFileSync(`${tools}/node_modules/axe-core/axe.min.js`, "utf8");
const base = process.env.MOVIES;

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(path = "/", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false, ...options });
  const page = await context.newPage();
  page.answer = await page.goto(base + path);
  return page;
}

const films = (page) => page.locator(".films a");

const scenarios = {
  async search() {
    const page = await open();
    await page.getByLabel("Title begins with").fill("THE QUIET lighthouse");
    await page.getByRole("button", { name: "Search" }).click();
    assert.equal(await films(page).count(), 3);
    await page.getByLabel("Year").fill("1971");
    await page.getByRole("button", { name: "Search" }).click();
    assert.equal(await films(page).count(), 1);
    await films(page).first().click();
    await page.getByRole("heading", { name: "The Quiet Lighthouse" }).waitFor();
    assert.equal(await page.locator("svg.poster").count(), 1);
    await page.getByRole("link", { name: "Films of 1971" }).click();
    assert.equal(await page.getByLabel("Year").inputValue(), "1971");
    await page.getByLabel("Genre").selectOption("Western");
    await page.getByLabel("Year").fill("2013");
    await page.getByRole("button", { name: "Search" }).click();
    for (const text of await page.locator(".films span").allTextContents()) assert.match(text, /2013.*Western/);
    await page.getByLabel("Title begins with").fill("no film begins so");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("Nothing found.").waitFor();
  },

  async paging() {
    const page = await open("/?year=2013");
    const seen = new Set();
    for (;;) {
      for (const title of await films(page).allTextContents()) seen.add(title);
      const more = page.getByRole("link", { name: "More films" });
      if ((await more.count()) === 0) break;
      await more.click();
    }
    assert.equal(seen.size, 45);
  },

  async wrong() {
    const missing = await open("/movies/2013/Not%20ours");
    assert.equal(missing.answer.status(), 404);
    await missing.getByText('There is no film "Not ours" of 2013.').waitFor();
    const page = await open();
    await page.getByLabel("Year").fill("20x3");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("alert").getByText("expected is a number from 1888 to 2100").waitFor();
    assert.equal(await page.getByLabel("Year").inputValue(), "20x3", "what was typed stays");
  },

  async axe() {
    const film = "/movies/1971/The%20Quiet%20Lighthouse";
    for (const [colorScheme, width] of [["light", 1280], ["dark", 1280], ["light", 360], ["dark", 360]]) {
      for (const path of ["/", "/?year=20x3", "/?title=none+begins+so", film, "/nowhere"]) {
        const page = await open(path, { colorScheme, viewport: { width, height: 900 }, bypassCSP: true, javaScriptEnabled: true });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`);
        assert.deepEqual(found, [], `${path} ${colorScheme} ${width}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${path} is ${wide} wide`);
        await page.context().close();
      }
    }
  },

  async up() {
    const page = await open();
    assert.equal(page.answer.status(), 200);
    assert.equal(await films(page).count(), 20);
  },

  async down() {
    const page = await open();
    assert.equal(page.answer.status(), 503);
    await page.getByRole("heading", { name: "Not now" }).waitFor();
    await page.getByText("Try again in a minute.").waitFor();
  },
};

try {
  await scenarios[process.env.SCENARIO]();
} finally {
  await browser.close();
}
