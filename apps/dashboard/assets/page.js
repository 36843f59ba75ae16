// The pages work without this. With it, filters act at once, "refresh now" says what it does, and what is shown stays fresh.
"use strict";
const form = document.querySelector("form.filter");
const said = document.getElementById("said");
let latest = 0;
let quiet;

/** Says something at the bottom of the page, for some seconds. */
function say(text) {
  clearTimeout(quiet);
  said.textContent = text;
  quiet = setTimeout(() => (said.textContent = ""), 6000);
}

/** Shows what is at an address: the table, and the lines above it. */
async function show(address, push) {
  const mine = ++latest;
  const board = document.getElementById("board");
  if (!board) return;
  board.classList.add("busy");
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (mine !== latest) return;
    if (answer.redirected || !answer.ok) {
      if (answer.redirected) location.reload();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("board");
    if (mine !== latest || !next) return;
    board.replaceWith(next);
    for (const notice of document.querySelectorAll(".notice")) notice.remove();
    said.after(...page.querySelectorAll(".notice"));
    document.title = page.title;
    if (push) history.replaceState(null, "", address);
  } catch {
    // The network is away: the table stays as it is, with its ages.
  } finally {
    document.getElementById("board").classList.remove("busy");
  }
}

function address() {
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  return query.size ? `/?${query}` : "/";
}

if (form) {
  let typing;
  form.querySelector("button").hidden = true;
  form.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => show(address(), true), 250);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(typing);
    show(address(), true);
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[name=project]");
  if (!button) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(document.getElementById("post")));
  body.set("project", button.value);
  button.disabled = true;
  const answer = await fetch("/refresh", { method: "POST", body, headers: { accept: "application/json" } }).catch(() => null);
  const words = answer && (await answer.json().catch(() => null));
  say(words?.message ?? "The dashboard did not answer.");
  button.disabled = false;
  if (!answer?.ok) return;
  for (let i = 0; i < 5; i++) {
    await new Promise((done) => setTimeout(done, 1200));
    await show(location.href, false);
  }
});

setInterval(() => {
  const reading = document.hidden || document.activeElement?.closest("#board");
  if (!reading) show(location.href, false);
}, 30000);
