/* SPDX-License-Identifier: Apache-2.0 */
/* fake - plugins and adapters that exist only as descriptions, for tests of core/config. */
#ifndef REEVE_TESTS_CONFIG_FAKE_H
#define REEVE_TESTS_CONFIG_FAKE_H
#include "config/config.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake {
    const char *name, *json;
};

static const struct fake fake_plugins[] = {
    {"http",
     "{\"name\":\"http\",\"version\":\"1\",\"roles\":[\"request\",\"deliver\"],\"max_batch\":64,"
     "\"options\":["
     "{\"key\":\"url\",\"type\":\"url\",\"required\":true,\"list\":false,\"side\":\"deliver\"},"
     "{\"key\":\"timeout\",\"type\":\"duration\",\"default\":\"30s\",\"allowed\":\"1s..1h\","
     "\"side\":\"deliver\"},"
     "{\"key\":\"retries\",\"type\":\"int\",\"allowed\":\"0..9\",\"side\":\"deliver\"},"
     "{\"key\":\"method\",\"type\":\"choice\",\"allowed\":\"POST|PUT\",\"default\":\"POST\","
     "\"side\":\"deliver\"},"
     "{\"key\":\"token\",\"type\":\"secret\",\"side\":\"deliver\"},"
     "{\"key\":\"headers\",\"type\":\"map\",\"side\":\"deliver\"},"
     "{\"key\":\"buffer\",\"type\":\"bytes\",\"default\":\"64k\",\"side\":\"both\"},"
     "{\"key\":\"old\",\"type\":\"bool\",\"deprecated\":true,\"side\":\"both\"},"
     "{\"key\":\"ca\",\"type\":\"path\",\"list\":true,\"side\":\"deliver\"}]}"},
    {"file", "{\"name\":\"file\",\"version\":\"1\",\"roles\":[\"poll\",\"deliver\"],\"max_batch\":"
             "100,\"options\":["
             "{\"key\":\"directory\",\"type\":\"path\",\"required\":true,\"side\":\"both\"},"
             "{\"key\":\"form\",\"type\":\"choice\",\"allowed\":\"message|lines\",\"default\":"
             "\"message\",\"side\":\"deliver\"}]}"},
    {"run",
     "{\"name\":\"run\",\"version\":\"1\",\"roles\":[\"deliver\"],\"options\":[{\"key\":"
     "\"program\",\"type\":\"path\",\"required\":true,\"executable\":true,\"side\":\"both\"}]}"},
    {"odd", "{\"name\":\"odd\",\"version\":\"1\",\"roles\":[\"deliver\"],\"options\":[{\"key\":"
            "\"standard\",\"type\":\"string\",\"required\":true,\"side\":\"adapter\"}]}"},
    {"null", "{\"name\":\"null\",\"version\":\"1\",\"roles\":[\"deliver\"],\"options\":[]}"},
    {"redact", "{\"name\":\"redact\",\"version\":\"1\",\"roles\":[\"step\"],\"options\":["
               "{\"key\":\"fields\",\"type\":\"string\",\"list\":true,\"required\":true,\"side\":"
               "\"both\"}]}"},
    {NULL, NULL},
};

static const struct fake fake_adapters[] = {
    {"360giving",
     "{\"name\":\"360giving\",\"version\":\"1\",\"roles\":[\"decode\",\"encode\"],\"options\":["
     "{\"key\":\"prefix\",\"type\":\"string\",\"side\":\"both\"}],"
     "\"emits\":[{\"type\":\"funding.award\",\"attributes\":[\"funder\",\"recipient\",\"amount\","
     "\"currency\","
     "\"place\",\"category\"],\"personal\":false}]}"},
    {"cloudevents",
     "{\"name\":\"cloudevents\",\"version\":\"1\",\"roles\":[\"decode\",\"encode\"],\"options\":[],"
     "\"emits\":[{\"type\":\"*\",\"attributes\":[],\"personal\":false}]}"},
    {"fhir-referral", "{\"name\":\"fhir-referral\",\"version\":\"1\",\"roles\":[\"decode\","
                      "\"encode\",\"to_hub\",\"from_hub\"],"
                      "\"options\":[],\"emits\":[{\"type\":\"client.referral\",\"attributes\":["
                      "\"category\",\"place\"],"
                      "\"personal\":true}]}"},
    {"ledger",
     "{\"name\":\"ledger\",\"version\":\"1\",\"roles\":[\"decode\",\"encode\",\"to_hub\","
     "\"from_hub\"],\"options\":[],\"emits\":[{\"type\":\"funding.payment\",\"attributes\":[],"
     "\"personal\":false,\"gives\":[\"id\",\"value\",\"payee\"],\"needs\":[\"value\",\"date|"
     "valueDate\",\"payee\"]},"
     "{\"type\":\"funding.award\",\"attributes\":[],\"personal\":false,\"gives\":[\"id\","
     "\"awarded\"]}]}"},
    {"rent",
     "{\"name\":\"rent\",\"version\":\"1\",\"roles\":[\"decode\",\"to_hub\"],\"options\":[],"
     "\"emits\":[{\"type\":\"funding.payment\",\"attributes\":[],\"personal\":false,\"gives\":["
     "\"id\",\"value\"]}]}"},
    {"bank",
     "{\"name\":\"bank\",\"version\":\"1\",\"roles\":[\"decode\",\"encode\",\"to_hub\","
     "\"from_hub\"],\"options\":[],\"emits\":[{\"type\":\"funding.payment\",\"attributes\":[],"
     "\"personal\":false,\"gives\":[\"id\",\"value\",\"valueDate\",\"payee\"],\"needs\":[\"value\"]"
     "},"
     "{\"type\":\"funding.report\",\"attributes\":[],\"personal\":false,\"needs\":[]}]}"},
    {"any",
     "{\"name\":\"any\",\"version\":\"1\",\"named\":true,\"roles\":[\"decode\",\"encode\",\"to_"
     "hub\","
     "\"from_hub\"],\"options\":[{\"key\":\"standard\",\"type\":\"string\",\"required\":true,"
     "\"side\":\"adapter\"},{\"key\":\"mode\",\"type\":\"string\",\"side\":\"both\"},"
     "{\"key\":\"every\",\"type\":\"int\",\"default\":\"5\",\"side\":\"receive\"}],"
     "\"emits\":[{\"type\":\"*\",\"attributes\":[],\"personal\":false}]}"},
    {"openreferral", "{\"name\":\"openreferral\",\"version\":\"1\",\"roles\":[\"encode\",\"to_"
                     "hub\",\"from_hub\"],\"options\":[]}"},
    {NULL, NULL},
};

static inline char *fake_find(void *arg, enum config_kind kind, const char *name, struct err *e)
{
    const struct fake *f = kind == CONFIG_PLUGIN ? fake_plugins : fake_adapters;
    (void)arg;
    for (; f->name; f++) {
        if (strcmp(f->name, name) == 0) {
            char *path = NULL;
            return asprintf(&path, "/modules/%s.so", name) < 0 ? NULL : path;
        }
    }
    (void)err_set(e, -ENOENT, "not-found", "there is no %s `%.60s`",
                  kind == CONFIG_PLUGIN ? "plugin" : "adapter", name);
    return NULL;
}

static inline int fake_describe(void *arg, const char *file, struct tree **ret, struct err *e)
{
    const struct fake *const tables[] = {fake_plugins, fake_adapters};
    (void)arg;
    for (size_t i = 0; i < 2; i++) {
        for (const struct fake *f = tables[i]; f->name; f++) {
            size_t n = strlen(f->name);
            if (strncmp(file, "/modules/", 9) == 0 && strncmp(file + 9, f->name, n) == 0 &&
                strcmp(file + 9 + n, ".so") == 0)
                return tree_from_json(f->json, strlen(f->json), ret, e);
        }
    }
    return err_set(e, -ENOENT, "not-found", "no such module");
}

static const struct config_env fake_env = {
    .find = fake_find, .describe = fake_describe, .now_ms = 1768435200000u /* 2026-01-15 */
};

#endif
