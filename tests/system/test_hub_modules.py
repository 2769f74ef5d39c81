# SPDX-License-Identifier: Apache-2.0
"""Steps, adapters that end their process, and translation through the hub record, with small modules built for the test."""
import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT, wait_for

from hub import ONE_EVENT, EVENTS, event, events_to

STEP = r"""
#include <reeve/plugin.h>
#include <string.h>
#include <stdio.h>
static reeve_rc run(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    (void)inst;
    const char *what = reeve_msg_get(m, "status");
    if (what && strcmp(what, "drop") == 0)
        return REEVE_OK;
    if (what && strcmp(what, "reject") == 0)
        return reeve_fail(c, REEVE_REJECT, "the step does not like it");
    if (what && strcmp(what, "later") == 0)
        return reeve_fail(c, REEVE_RETRY, "the step is not ready");
    size_t n;
    const char *p = reeve_state_get(c, "seen", &n);
    int seen = p && n == sizeof(int) ? *(const int *)(const void *)p : 0;
    seen++;
    if (reeve_state_put(c, "seen", &seen, sizeof(seen)) != 0)
        return REEVE_RETRY;
    int copies = what && strcmp(what, "two") == 0 ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        reeve_msg *x = reeve_msg_copy(m);
        reeve_msg_set_int(x, "sequence", seen);
        reeve_msg_set(x, "category", i ? "second" : "first");
        if (reeve_emit(out, x) != 0)
            return REEVE_RETRY;
    }
    return REEVE_OK;
}
REEVE_PLUGIN(.name = "teststep", .version = "1", .summary = "a step", .step = run);
"""

# One record a line: SUBJECT TEXT. CRASH ends the process.
LINES = r"""
#include <reeve/plugin.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
static reeve_rc decode(reeve_ctx *c, void *inst, reeve_reader *r, const char *type, reeve_out *out)
{
    size_t n;
    (void)inst; (void)type;
    const char *p = reeve_read_all(r, 1 << 20, &n);
    if (!p)
        return REEVE_RETRY;
    if (strstr(p, "CRASH"))
        abort();
    for (const char *end = p + n; p < end;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t len = eol ? (size_t)(eol - p) : (size_t)(end - p);
        char line[200];
        snprintf(line, sizeof line, "%.*s", (int)len, p);
        char *text = strchr(line, ' ');
        if (text) {
            *text++ = 0;
            reeve_msg *m = reeve_msg_new(c);
            reeve_msg_set(m, "type", "information.document");
            reeve_msg_set(m, "subject", line);
            reeve_msg_set_body(m, "text/plain", text, strlen(text));
            if (reeve_emit(out, m) != 0)
                return REEVE_RETRY;
        }
        p += len + 1;
    }
    return REEVE_OK;
}
static reeve_rc to_hub(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    char json[300];
    size_t n;
    (void)inst;
    const char *body = reeve_msg_body(m, &n);
    reeve_msg *x = reeve_msg_new(c);
    int len = snprintf(json, sizeof json, "{\"text\":\"%.*s\"}", (int)n, body);
    reeve_msg_set_body(x, "application/json", json, (size_t)len);
    return reeve_emit(out, x) == 0 ? REEVE_OK : REEVE_RETRY;
}
static const struct reeve_emits emits[] = {{.type = "information.document"}, {.type = NULL}};
REEVE_PLUGIN(.name = "NAME", .version = "1", .summary = "lines", .decode = decode, .emits = emits, TO_HUB);
"""

LOUD = r"""
#include <reeve/plugin.h>
#include <string.h>
#include <ctype.h>
static reeve_rc from_hub(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    size_t n;
    char loud[300] = "";
    (void)inst;
    const char *p = reeve_msg_body(m, &n);
    for (size_t i = 0; i < n && i < sizeof loud - 1; i++)
        loud[i] = (char)toupper((unsigned char)p[i]);
    reeve_msg *x = reeve_msg_copy(m);
    (void)c;
    reeve_msg_set_body(x, "text/plain", loud, strlen(loud));
    return reeve_emit(out, x) == 0 ? REEVE_OK : REEVE_RETRY;
}
static reeve_rc encode(reeve_ctx *c, void *inst, const reeve_msg *const *m, size_t n, reeve_buf *out)
{
    (void)c; (void)inst;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const void *p = reeve_msg_body(m[i], &len);
        if (reeve_buf_add(out, p, len) != 0)
            return REEVE_RETRY;
    }
    reeve_buf_set(out, "content-type", "text/plain");
    reeve_buf_set(out, "name", reeve_msg_get(m[0], "subject"));
    return REEVE_OK;
}
static reeve_rc decode(reeve_ctx *c, void *inst, reeve_reader *r, const char *t, reeve_out *out)
{
    (void)inst; (void)r; (void)t; (void)out;
    return reeve_fail(c, REEVE_REJECT, "it only speaks");
}
static const struct reeve_emits emits[] = {{.type = "information.document"}, {.type = NULL}};
REEVE_PLUGIN(.name = "loud", .version = "1", .summary = "loud", .emits = emits, .decode = decode, .encode = encode, .from_hub = from_hub);
"""


def build(tmp_path, name, text):
    cc = shutil.which(os.environ.get("CC", "cc"))
    if not cc:
        pytest.skip("no C compiler")
    source, target = tmp_path / (name + ".c"), tmp_path / (name + ".so")
    source.write_text(text)
    subprocess.run([cc, "-std=c11", "-Wall", "-fPIC", "-shared", "-I", str(ROOT / "core/include"), "-o", str(target), str(source)],
                   check=True)
    return f"./{name}.so"


def got(h, n):
    wait_for(lambda: len(h.files("out")) >= n, 20, f"{n} files:\n" + h.log()[-2000:])
    return [json.loads(p.read_text()) for p in h.files("out")]


def push(h, body):
    return h.push(body, path="/events", headers={"Content-Type": EVENTS if isinstance(body, list) else ONE_EVENT})


def test_a_step_on_the_receive_side(hub, tmp_path):
    step = build(tmp_path, "teststep", STEP)
    config = events_to({"plugin": "file", "directory": "out"})
    config["connectors"]["sender"]["receive"]["steps"] = [step]
    h = hub(config)
    status, answer = push(h, [event(1), event(2, status="drop"), event(3, status="two")])
    assert status == 202 and answer["accepted"] == 3 and answer["dropped"] == 1, answer
    messages = got(h, 3)
    assert sorted(m["id"] for m in messages) == ["e1", "e3", "e3-2"]
    assert {m["sequence"] for m in messages} == {1, 2}
    assert push(h, event(4))[0] == 202
    assert max(m["sequence"] for m in got(h, 4)) == 3  # its state was committed
    status, answer = push(h, [event(5), event(6, status="reject")])
    assert status == 422 and answer["issues"][0]["code"] == "step-rejected" and "does not like" in answer["issues"][0]["text"]
    status, answer = push(h, event(7, status="later"))
    assert status == 503 and "not ready" in answer["detail"]
    assert push(h, event(8))[0] == 202
    assert max(m["sequence"] for m in got(h, 5)) in (4, 5)


def test_a_step_on_the_deliver_side(hub, tmp_path):
    step = build(tmp_path, "teststep", STEP)
    config = events_to({"plugin": "file", "directory": "out", "steps": [step]})
    h = hub(config)
    assert push(h, [event(1), event(2, status="drop"), event(3, status="two"), event(4, status="reject")])[0] == 202
    assert sorted(m["id"] for m in got(h, 3)) == ["e1", "e3", "e3-2"]
    wait_for(lambda: [r["event"] for r in h.trace("e4") or []][-1:] == ["dead"], 10, "the refusal")
    wait_for(lambda: [r["event"] for r in h.trace("e2") or []][-1:] == ["delivered"], 10, "the drop")


def test_a_document_that_ends_the_process_is_refused_in_the_end(hub, tmp_path):
    build(tmp_path, "lines", LINES.replace("NAME", "lines").replace(", TO_HUB", ""))
    config = events_to({"plugin": "null"})
    config["connectors"]["sender"]["receive"]["speaks"] = "./lines.so"
    h = hub(config)
    assert h.push_until_taken(b"a one\nb two\n", path="/events", headers={"Content-Type": "text/plain"})[0] == 202
    status, answer = h.push_until_taken(b"x CRASH\n", path="/events", headers={"Content-Type": "text/plain"}, seconds=60)
    assert status == 422 and answer["code"] == "crashed"
    assert h.push_until_taken(b"a one\nb three\n", path="/events", headers={"Content-Type": "text/plain"})[1]["changed"] == 1


def test_translation_through_the_hub_record(hub, tmp_path):
    build(tmp_path, "lines", LINES.replace("NAME", "lines").replace("TO_HUB", ".to_hub = to_hub"))
    build(tmp_path, "loud", LOUD)
    config = events_to({"plugin": "file", "directory": "out", "speaks": "./loud.so"})
    config["connectors"]["sender"]["receive"]["speaks"] = "./lines.so"
    h = hub(config)
    assert h.push(b"a one\n", path="/events", headers={"Content-Type": "text/plain"})[0] == 202
    wait_for(lambda: len(h.files("out")) == 1, 15, "the translation:\n" + h.log()[-1500:])
    assert h.files("out")[0].read_text() == '{"TEXT":"ONE"}'
