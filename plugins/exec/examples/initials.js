#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A step: of a person's name only the initials go on.
"use strict";
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

function initials(event) {
  const name = event.data && event.data.name;
  if (typeof name !== "string") return { verdict: "reject", code: "no-name", text: "there is no name in it" };
  event.data.name = name.split(/\s+/).map((word) => word.charAt(0)).join("");
  return { verdict: "ok", emit: [event] };
}

let greeted = false;
require("readline")
  .createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on("line", (line) => {
    const asked = JSON.parse(line);
    if (greeted) return say({ seq: asked.seq, ...initials(asked.event) });
    greeted = true;
    say({ reeve: 1, name: "initials" });
  })
  .on("close", () => process.exit(0));
