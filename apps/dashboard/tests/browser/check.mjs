// What a person does, in a real browser. SCENARIO names one; any exception fails the test.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
const tools = process.env.TOOLS;
const { chromium } = await import(`${tools}/node_modules/playwright-core/index.mjs`);
const axe = readFileSync(`${tools}/node_modules/axe-core/axe.min.js`, "utf8");
const base = process.env.DASHBOARD;

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(options = {}, path = "/") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.faults = [];
  page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
  page.on("pageerror", (error) => page.faults.push(error.message));
  await page.goto(base + path);
  return page;
}

const rows = (page) => page.locator("tbody th[scope=row] > a");
const names = (page) => rows(page).allTextContents();

const scenarios = {
  async filter() {
    const page = await open();
    assert.equal(await rows(page).count(), 24);
    await page.getByRole("searchbox").fill("pay");
    await page.waitForFunction(() => document.querySelectorAll("tbody th[scope=row]").length === 1);
    assert.deepEqual(await names(page), ["payments"]);
    assert.equal(new URL(page.url()).search, "?q=pay");
    await page.reload();
    assert.deepEqual(await names(page), ["payments"], "the address is the filter");
    await page.getByRole("link", { name: "Reset" }).click();
    assert.equal(await rows(page).count(), 24);
    await page.getByLabel("Out of step").check();
    await page.waitForURL(/out=1/);
    await page.getByLabel("Group").selectOption("gitflow");
    await page.waitForURL(/group=gitflow/);
    assert.deepEqual(page.faults, []);
  },

  async sort() {
    const page = await open();
    const before = await names(page);
    await page.locator("thead a").first().click();
    assert.deepEqual(await names(page), [...before].sort());
    assert.equal(await page.locator("thead th").first().getAttribute("aria-sort"), "ascending");
    await page.locator("thead a").first().click();
    assert.deepEqual(await names(page), [...before].sort().reverse());
    assert.deepEqual(page.faults, []);
  },

  async refresh() {
    const page = await open();
    const answered = page.waitForResponse((response) => response.url().endsWith("/refresh"));
    await page.getByRole("button", { name: "Refresh orders now" }).click();
    assert.equal((await answered).status(), 202);
    assert.deepEqual(page.faults, []);
  },

  async plain() {
    const page = await open({ javaScriptEnabled: false });
    await page.getByLabel("Group").selectOption("trunk");
    await page.getByRole("button", { name: "Filter" }).click();
    assert.match(page.url(), /group=trunk/);
    assert.equal(await rows(page).count(), 5);
    await page.getByRole("button", { name: "Refresh search now" }).click();
    assert.equal(new URL(page.url()).pathname, "/");
    await page.getByRole("link", { name: "search", exact: true }).first().click();
    await page.getByRole("heading", { name: "Key figures" }).waitFor();
  },

  async phone() {
    for (const path of ["/", "/projects/13"]) {
      const page = await open({ viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }, path);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 360, `${path} is ${wide} wide`);
      assert.deepEqual(page.faults, []);
    }
  },

  async axe() {
    const some = ["/?group=trunk", "/projects/13"];
    const looks = [["light", 1280, ["/", "/?q=nothing+like+it", "/nowhere"]], ["dark", 1280, some], ["light", 360, some], ["dark", 360, some]];
    for (const [colorScheme, width, paths] of looks) {
      for (const path of paths) {
        const page = await open({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true }, path);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map((v) => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`);
        assert.deepEqual(found, [], `${path} ${colorScheme} ${width}`);
        await page.context().close();
      }
    }
  },

  async signin() {
    const page = await open({}, "/?q=shop");
    await page.getByRole("link", { name: "Sign in with GitLab" }).click();
    await page.locator("input[name=login]").fill("7");
    await page.locator("input[name=password]").fill("x");
    await page.locator("button[type=submit]").click();
    await page.locator("button[type=submit]").click();
    await page.waitForURL(`${base}/?q=shop`);
    assert.deepEqual(await names(page), ["shop"]);
    assert.equal(await page.evaluate(() => document.cookie), "", "no script reads a cookie");
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in with GitLab" }).waitFor();
    await page.goto(base + "/");
    await page.getByRole("link", { name: "Sign in with GitLab" }).waitFor();
  },
};

try {
  await scenarios[process.env.SCENARIO]();
} finally {
  await browser.close();
}
