// SPDX-License-Identifier: Apache-2.0
// The live parts of a page: fetched again every few seconds and put in place. Without script the page is the same, and stands still.
"use strict";

(() => {
  const EVERY = 5000;
  const live = document.querySelector("[data-live]");
  if (!live || !window.DOMParser || !window.fetch) return;

  let paused = false;
  let timer = 0;
  const bar = document.createElement("p");
  bar.className = "live";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  const said = document.createElement("span");
  const spoken = document.createElement("span"); // only what somebody who listens must hear
  spoken.className = "away";
  spoken.setAttribute("role", "status");
  bar.append(button, said, spoken);
  live.before(bar);

  const alarms = () => live.querySelector("#alarms")?.textContent ?? "No alarms";
  const show = (text) => { said.textContent = text; };
  const label = () => { button.textContent = paused ? "Go on refreshing" : "Pause refreshing"; };

  // Somebody who works inside is not disturbed: focus, a selection, an open place in a wide table.
  const busy = () => document.hidden || live.contains(document.activeElement) || !getSelection().isCollapsed;

  async function refresh() {
    if (!busy()) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
        if (fresh && !busy() && !paused) {
          const before = alarms();
          const places = [...live.querySelectorAll(".scroll")].map((x) => x.scrollLeft);
          live.replaceChildren(...fresh.childNodes);
          live.querySelectorAll(".scroll").forEach((x, i) => { x.scrollLeft = places[i] ?? 0; });
          if (alarms() !== before) spoken.textContent = alarms();
          show("Refreshed at " + new Date().toISOString().slice(11, 19) + " UTC");
        }
      } catch (e) {
        show("The hub does not answer; what you see is from before");
      }
    }
    if (!paused) timer = setTimeout(refresh, EVERY);
  }

  button.addEventListener("click", () => {
    paused = !paused;
    clearTimeout(timer);
    label();
    show(paused ? "Paused" : "");
    if (!paused) refresh();
  });
  label();
  timer = setTimeout(refresh, EVERY);
})();
