// The page works without this. With it, filters act at once, and the table keeps itself fresh.
"use strict";
const form = document.querySelector("form.filter");
let latest = 0;

async function show(address, push) {
  const mine = ++latest;
  const board = document.getElementById("board");
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
    document.querySelector("header.top").after(...page.querySelectorAll(".notice"));
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

let typing;
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => show(address(), true), 250);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  show(address(), true);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[name=project]");
  if (!button) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(document.getElementById("post")));
  body.set("project", button.value);
  button.disabled = true;
  const answer = await fetch("/refresh", { method: "POST", body, headers: { accept: "application/json" } }).catch(() => null);
  const said = answer && (await answer.json().catch(() => null));
  button.title = said?.message ?? "The dashboard did not answer.";
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
