/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong in a configuration is said at its place, with its code, and all of it in one go. */
#include "place.h"

struct row {
    const char *name;
    const char *yaml; /* t.yaml; base.yaml stands beside it */
    const char
        *findings;    /* in c/t.yaml unless the row says otherwise: "line:col severity code\n" */
    const char *says; /* a piece of one of the texts, or NULL */
};

#define D    "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x}}\n" /* line 1, 2 */
#define R    D "routes:\n" /* routes from line 4 */
#define TO_D "routes:\n  all: {to: d}\n"

static const struct row syntax[] = {
    {"two colons", "connectors: {}\nx: a: b\n", "2:5 error yaml-syntax\n", "second `: `"},
    {"a tab", "connectors:\n\ta: b\n", "2:1 error yaml-syntax\n", "tab"},
    {"an open quote", "connectors: 'abc\n", "1:13 error yaml-syntax\n", "never closed"},
    {"an open map", "connectors: {\n", "2:1 error yaml-syntax\n", "never closed"},
    {"an open list", "connectors: [a\n", "2:1 error yaml-syntax\n", "`]`"},
    {"an at sign", "connectors: {}\nroutes: {r: {match: {type: @x}}}\n", "2:28 error yaml-syntax\n",
     "quotes"},
    {"an anchor", "connectors: &a {}\n", "1:13 error yaml-alias\n", "profiles/"},
    {"an alias", "connectors: *a\n", "1:13 error yaml-alias\n", NULL},
    {"a tag", "connectors: !x {}\n", "1:13 error yaml-tag\n", NULL},
    {"two documents", "connectors: {}\n---\na: b\n", "2:1 error yaml-documents\n", NULL},
    {"a list as key", "? [a]\n: b\n", "1:3 error yaml-key\n", NULL},
    {"a zero byte", "connectors: \"a\\0\"\n", "1:13 error yaml-zero\n", NULL},
    {"not UTF-8", "connectors: {}\nx: \xff\n", "2:1 error yaml-encoding\n", "UTF-8"},
    {"too deep", "x: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "1:36 error yaml-depth\n", NULL},
    {"a list at the top", "- connectors\n", "1:1 error top-level\n", NULL},
    {"a key twice", "connectors: {}\nconnectors: {}\n", "2:1 error duplicate-key\n",
     "c/t.yaml:1:1"},
};

static const struct row keys[] = {
    {"unknown at the top", D TO_D "dor: {listen: x}\n", "5:1 error unknown-key\n",
     "did you mean `door`?"},
    {"unknown inside", D TO_D "door: {listn: x, listen: \"127.0.0.1:1\"}\n",
     "5:8 error unknown-key\n", "`listen`"},
    {"unknown in a party", D TO_D "parties: {p: {name: P, role: hub, identfier: x}}\n",
     "5:35 error unknown-key\n", "`identifier`"},
    {"in two files", D TO_D "parties: {us: {name: P, role: hub}}\n", "5:11 error defined-twice\n",
     "c/base.yaml:4:3"},
    {"a scalar in two files", D TO_D "hub: x\n", "5:1 error defined-twice\n", "c/base.yaml:1:1"},
    {"a map wanted", D TO_D "door: [1]\n", "5:7 error wrong-kind\n", "a map, not a list"},
    {"a value wanted", D TO_D "data: [1]\n", "5:7 error wrong-kind\n", NULL},
    {"missing", D TO_D "parties: {p: {name: P}}\n", "5:14 error missing-key\n", "`role`"},
    {"a bad choice", D TO_D "parties: {p: {name: P, role: boss}}\n", "5:30 error bad-value\n",
     "one of government"},
    {"a bad name", D TO_D "parties: {P P: {name: P, role: hub}}\n", "5:11 error bad-name\n", NULL},
    {"a bad date",
     D TO_D "parties: {p: {name: P, role: hub, agreements: [{purpose: x, data: [y], until: "
            "2026-02-30}]}}\n",
     "5:79 error bad-value\n", "2027-03-31"},
    {"a bad period",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x}}\n  s: {party: us, "
     "receive: {plugin: file, directory: y, speaks: cloudevents, expect: {every: monthly}}}\n" TO_D,
     "3:93 error bad-value\n", "1 month"},
    {"an alarm that comes too late",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, retry: {for: 1h}, alarm: "
     "{oldest: 2h}}}\n" TO_D,
     "2:90 warning alarm-late\n", "dead letters"},
    {"a former name that is there",
     "connectors:\n  d: {party: us, was: e, deliver: {plugin: file, directory: x}}\n  e: {party: "
     "us, "
     "deliver: {plugin: file, directory: y}}\nroutes: {all: {to: [d, e]}}\n",
     "2:23 error was-there\n", "still is a connector `e`"},
    {"a former name of two",
     "connectors:\n  d: {party: us, was: [o, p], deliver: {plugin: file, directory: x}}\n  e: "
     "{party: "
     "us, was: p, deliver: {plugin: file, directory: y}}\nroutes: {all: {to: [d, e]}}\n",
     "3:23 error was-twice\n", "connector d"},
    {"a bad size", D TO_D "limits: {message: 3x}\n", "5:19 error bad-value\n", "10M"},
    {"out of range", D TO_D "limits: {message: 1G}\n", "5:19 error bad-value\n",
     "between 1k and 256M"},
    {"a bad duration", D TO_D "retention: {dead: soon}\n", "5:19 error bad-value\n", "20s"},
    {"unseen before seen", D TO_D "retention: {dead: 90d, unseen: 30d}\n", "5:32 error bad-value\n",
     "at least as long"},
    {"unseen after seen", D TO_D "retention: {dead: 90d, unseen: 90d}\n", "", NULL},
    {"unknown transport", D TO_D "transport: amqps\n", "5:12 error bad-value\n", "`amqp`"},
    {"not a reference's place",
     "connectors:\n  d: {party: \"${env:X}\", deliver: {plugin: file, directory: x}}\n" TO_D,
     "2:14 error reference-here\n2:14 error unknown-party\n", NULL},
    {"a broken reference", D TO_D "data: \"${file:\"\n", "5:7 error reference-form\n", NULL},
    {"an unset variable", D TO_D "data: \"${env:REEVE_TEST_UNSET}\"\n", "5:7 error env-unset\n",
     NULL},
};

static const struct row connectors[] = {
    {"unknown party",
     "connectors:\n  d: {party: thm, deliver: {plugin: file, directory: x}}\n" TO_D,
     "2:14 error unknown-party\n", "did you mean `them`?"},
    {"idle", "connectors:\n  d: {party: us}\n", "2:3 error connector-idle\n", NULL},
    {"unknown plugin", "connectors:\n  d: {party: us, deliver: {plugin: htp}}\n" TO_D,
     "2:36 error unknown-plugin\n", NULL},
    {"no plugin", "connectors:\n  d: {party: us, deliver: {speaks: cloudevents}}\n" TO_D,
     "2:27 error missing-key\n", NULL},
    {"a role it lacks", "connectors:\n  d: {party: us, deliver: {plugin: redact}}\n" TO_D,
     "2:36 error plugin-role\n", NULL},
    {"unknown option",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, frm: lines}}\n" TO_D,
     "2:56 error unknown-option\n", "did you mean `form`?"},
    {"missing option", "connectors:\n  d: {party: us, deliver: {plugin: file}}\n" TO_D,
     "2:27 error option-required\n", "`directory`"},
    {"an option of the other side",
     "connectors:\n  s: {party: us, receive: {plugin: file, directory: x, form: lines, speaks: "
     "360giving}}\n",
     "2:56 error option-side\n", NULL},
    {"a program", "connectors:\n  d: {party: us, deliver: {plugin: run, program: /bin/sh}}\n" TO_D,
     "", NULL},
    {"a program that is not there",
     "connectors:\n  d: {party: us, deliver: {plugin: run, program: /no/such}}\n" TO_D,
     "2:50 error not-executable\n", "No such file"},
    {"a program that is a directory",
     "connectors:\n  d: {party: us, deliver: {plugin: run, program: /}}\n" TO_D,
     "2:50 error not-executable\n", "not a file"},
    {"a program that nobody may execute",
     "connectors:\n  d: {party: us, deliver: {plugin: run, program: /etc/passwd}}\n" TO_D,
     "2:50 error not-executable\n", "cannot be executed"},
    {"a bad URL", "connectors:\n  d: {party: us, deliver: {plugin: http, url: x y}}\n" TO_D,
     "2:47 error bad-value\n", "a URL"},
    {"a URL of nothing",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http:///x\"}}\n" TO_D,
     "2:47 error bad-value\n", NULL},
    {"a value out of range",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://x\", timeout: "
     "2h}}\n" TO_D,
     "2:68 error bad-value\n", "between 1s and 1h"},
    {"not of the choice",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://x\", method: "
     "GET}}\n" TO_D,
     "2:67 error bad-value\n", "one of POST, PUT"},
    {"a plain secret",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://x\", token: "
     "hunter2}}\n" TO_D,
     "2:66 error secret-plain\n", "${file:"},
    {"a password in a URL",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://a:b@x/y\"}}\n" TO_D,
     "2:47 warning secret-plain\n", NULL},
    {"a token in a header",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://x/a:b@c\", headers: "
     "{authorization: Bearer x}}}\n" TO_D,
     "2:90 warning secret-plain\n", NULL},
    {"deprecated",
     "connectors:\n  d: {party: us, deliver: {plugin: http, url: \"http://x\", old: true}}\n" TO_D,
     "2:59 warning option-deprecated\n", NULL},
    {"a list for one", "connectors:\n  d: {party: us, deliver: {plugin: http, url: [a, b]}}\n" TO_D,
     "2:47 error wrong-kind\n2:48 error bad-value\n2:51 error bad-value\n", NULL},
    {"batch too large",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, batch: 101}}\n" TO_D,
     "2:63 error bad-value\n", "at most 100"},
    {"unknown adapter",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, speaks: "
     "361giving}}\n" TO_D,
     "2:64 error unknown-adapter\n", NULL},
    {"adapter's option",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, speaks: {360giving: "
     "{prefx: a}}}}\n" TO_D,
     "2:77 error unknown-option\n", "`prefix`"},
    {"no speaks", "connectors:\n  s: {party: us, receive: {plugin: file, directory: x}}\n",
     "2:27 error missing-key\n", "which standard"},
    {"cannot be read",
     "connectors:\n  s: {party: us, receive: {plugin: file, directory: x, speaks: openreferral}}\n",
     "2:64 error adapter-role\n", NULL},
    {"steps",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, steps: [redact, file, "
     "{step: redact, fields: [a]}]}}\n" TO_D,
     "2:64 error option-required\n2:72 error plugin-role\n", NULL},
    {"unknown profile", "connectors:\n  d: {party: us, deliver: {use: nope}}\n" TO_D,
     "2:27 error missing-key\n2:33 error unknown-profile\n", NULL},
    {"reserved once",
     "connectors:\n  d: {party: us, deliver: {plugin: file, directory: x, once: true}}\n" TO_D,
     "2:56 error not-yet\n", NULL},
    {"unused defaults", D TO_D "defaults: {deliver: {htp: {timeout: 1s}}, recieve: {}}\n",
     "5:22 warning defaults-unused\n5:43 error unknown-key\n", NULL},
    {"no way there", D, "2:18 warning destination-unused\n", NULL},
};

static const struct row doors[] = {
    {"no door",
     "connectors:\n  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents}}\n",
     "2:42 error door-missing\n", NULL},
    {"no path",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n  s: {party: us, receive: {plugin: http, "
     "speaks: cloudevents}}\n",
     "3:27 error missing-key\n", NULL},
    {"no auth, this machine",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n  s: {party: us, receive: {plugin: http, path: "
     "/x, speaks: cloudevents}}\n",
     "3:27 warning auth-missing\n", NULL},
    {"no auth, behind a proxy",
     "door: {listen: \"127.0.0.1:1\", behind_proxy: true}\nconnectors:\n  s: {party: us, receive: "
     "{plugin: http, path: /x, speaks: cloudevents}}\n",
     "3:27 error auth-missing\n", NULL},
    {"plain to the network", "door: {listen: \"0.0.0.0:80\"}\nconnectors: {}\n",
     "1:16 error door-plain\n", NULL},
    {"a bad address", "door: {listen: \"8480\"}\nconnectors: {}\n", "1:16 error bad-value\n", NULL},
    {"a bad port", "door: {listen: \"[::1]:70000\"}\nconnectors: {}\n", "1:16 error bad-value\n",
     NULL},
    {"a host's name", "door: {listen: \"127.evil:80\"}\nconnectors: {}\n", "1:16 error bad-value\n",
     NULL},
    {"no port", "door: {listen: \"127.0.0.1:0\"}\nconnectors: {}\n", "1:16 error bad-value\n",
     NULL},
    {"IPv6, the network", "door: {listen: \"[::]:80\"}\nconnectors: {}\n",
     "1:16 error door-plain\n", NULL},
    {"IPv6, this machine", "door: {listen: \"[0:0::1]:80\"}\nconnectors: {}\n", "", NULL},
    {"a certificate that is none",
     "door: {listen: \"0.0.0.0:80\", tls: {certificate: ../token, key: ../token}}\nconnectors: "
     "{}\n",
     "1:49 error tls-file\n1:64 error tls-file\n", "PEM"},
    {"missing certificate",
     "door: {listen: \"0.0.0.0:80\", tls: {certificate: no.pem, key: no.key}}\nconnectors: {}\n",
     "1:49 error tls-file\n1:62 error tls-file\n", NULL},
    {"a path twice",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n"
     "  t: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n",
     "4:48 error path-twice\n", "c/t.yaml:3:48"},
    {"a reserved path",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /-/x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n"
     "  t: {party: us, receive: {plugin: http, path: /x/../y, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n",
     "3:48 error bad-value\n4:48 error bad-value\n", NULL},
    {"a path for who fetches",
     "connectors:\n  s: {party: us, receive: {plugin: file, directory: x, path: /x, speaks: "
     "cloudevents}}\n",
     "2:56 error not-pushed\n", NULL},
    {"a readable secret",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../open}\"}}}\n",
     "3:88 warning secret-readable\n", "chmod 600"},
    {"a short secret",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../short}\"}}}\n",
     "3:88 warning secret-weak\n", NULL},
    {"a token of two parties",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n"
     "  t: {party: them, receive: {plugin: http, path: /y, speaks: cloudevents, auth: {bearer: "
     "\"${file:../token}\"}}}\n",
     "4:90 warning token-shared\n", "`us`"},
    {"no secret",
     "door: {listen: \"127.0.0.1:1\"}\nconnectors:\n"
     "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: {bearer: "
     "\"${file:../none}\"}}}\n",
     "3:88 error secret-file\n", NULL},
};

static const struct row routes[] = {
    {"a plain colon", R "  r:\n    when: type = 'a: b'\n    to: d\n", "5:20 error when-cut\n",
     "when: >-"},
    {"begins with a quote", R "  r:\n    when: 'a' = type\n    to: d\n", "5:15 error when-cut\n",
     "when: >-"},
    {"a comma in braces", R "  r: {when: type IN ('a', 'b'), to: d}\n", "4:30 error when-cut\n",
     "when: >-"},
    {"a comma, no quote behind", R "  r: {when: amount IN (1, 2), to: d}\n",
     "4:13 error when-cut\n4:27 error unknown-key\n", "when: >-"},
    {"a hash in a text", R "  r:\n    when: subject = 'a #b'\n    to: d\n", "5:11 error when-cut\n",
     "when: >-"},
    {"a comment behind", R "  r:\n    when: type = 'funding.award' # AND x = 1\n    to: d\n",
     "5:11 warning when-cut\n", NULL},
    {"a map", R "  r: {when: {a: b}, to: d}\n", "4:13 error when-cut\n", NULL},
    {"a tag", R "  r:\n    when: !a\n    to: d\n", "5:11 error when-cut\n", NULL},
    {"lint, folded", R "  r:\n    when: >-\n      type = 'x'\n      AND amount > 3\n    to: d\n",
     "7:11 warning amount-without-currency\n", "currency"},
    {"lint, the match pins the currency",
     R "  r: {match: {currency: GBP}, when: amount > 3, to: d}\n", "", NULL},
    {"lint, the route's match holds for its alternatives",
     R "  r:\n    match: {currency: GBP}\n    first:\n      - {when: amount > 3, to: d}\n", "",
     NULL},
    {"lint, a type nobody emits",
     "connectors:\n  s: {party: us, receive: {plugin: file, directory: y, speaks: 360giving}}\n"
     "  d: {party: us, deliver: {plugin: file, directory: x}}\nroutes:\n  r: {when: type = "
     "'funding.awrd', to: d}\n",
     "5:20 warning unknown-type\n", NULL},
    {"lint of the table", R "  r: {when: \"FALSE\", to: d}\n",
     "4:3 warning constant\n4:14 warning constant\n", NULL},
    {"neither to nor first", R "  r: {match: {type: a}}\n",
     "2:18 warning destination-unused\n4:3 error route-form\n", NULL},
    {"both to and first", R "  r: {to: d, first: [{to: d}]}\n", "4:3 error route-form\n", NULL},
    {"unknown destination", R "  r: {to: [d, e]}\n", "4:15 error unknown-destination\n", NULL},
    {"not a destination", R "  r: {to: [d, s]}\nparties: {}\nconnectors2: {}\n",
     "4:15 error unknown-destination\n6:1 error unknown-key\n", NULL},
    {"otherwise not last", R "  r:\n    first:\n      - to: d\n      - {match: {type: x}, to: d}\n",
     "6:9 error first-otherwise\n", NULL},
    {"a bad attribute", R "  r: {match: {Type: a}, to: d}\n", "4:15 error bad-attribute\n", NULL},
    {"no value", R "  r: {match: {type: []}, to: d}\n", "4:21 error bad-value\n", NULL},
    {"no such list", R "  r: {match: {type: \"@none.txt\"}, to: d}\n", "4:21 error list-file\n",
     NULL},
    {"an empty list", R "  r: {match: {type: [\"@../empty\", a]}, to: d}\n",
     "4:22 warning list-empty\n", NULL},
};

static const struct row people[] = {
    {"no agreement",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: fhir-referral}}\n"
     "  d: {party: them, deliver: {plugin: file, directory: y}}\n"
     "routes: {r: {match: {type: client.referral}, to: d}}\n",
     "4:50 error agreement-missing\n", "`them`"},
    {"perhaps none",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: fhir-referral}}\n"
     "  d: {party: them, deliver: {plugin: file, directory: y}}\n"
     "routes: {r: {to: d}}\n",
     "4:18 warning agreement-missing\n", NULL},
    {"by an expression",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: cloudevents}}\n"
     "  d: {party: them, deliver: {plugin: file, directory: y}}\n"
     "routes:\n  r: {when: \"category = 'a b' AND type IN ('x', 'client.case')\", to: d}\n",
     "5:70 error agreement-missing\n", NULL},
    {"another type",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: cloudevents}}\n"
     "  d: {party: them, deliver: {plugin: file, directory: y}}\n"
     "routes:\n  r: {when: type = 'funding.award', to: d}\n",
     "", NULL},
    {"agreed",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: fhir-referral}}\n"
     "  d: {party: agreed, deliver: {plugin: file, directory: y}}\n"
     "routes: {r: {match: {type: client.referral}, to: d}}\n",
     "", NULL},
    {"ended",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: fhir-referral}}\n"
     "  d: {party: ended, deliver: {plugin: file, directory: y}}\n"
     "routes: {r: {match: {type: client.referral}, to: d}}\n",
     "4:50 warning agreement-ended\n", NULL},
    {"no translation",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: 360giving}}\n"
     "  d: {party: us, deliver: {plugin: file, directory: y, speaks: openreferral}}\n"
     "routes: {r: {match: {type: funding.award}, to: d}}\n",
     "4:48 error no-translation\n", "to_hub"},
    {"a translation",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: fhir-referral}}\n"
     "  d: {party: us, deliver: {plugin: file, directory: y, speaks: openreferral}}\n"
     "routes: {r: {match: {type: client.referral}, to: d}}\n",
     "", NULL},
#define BETWEEN(a, b, type)                                                    \
    "connectors:\n"                                                            \
    "  s: {party: us, receive: {plugin: file, directory: x, speaks: " a "}}\n" \
    "  d: {party: us, deliver: {plugin: file, directory: y, speaks: " b "}}\n" \
    "routes: {r: {match: {type: " type "}, to: d}}\n"
    {"a translation with all that is needed", BETWEEN("ledger", "bank", "funding.payment"), "",
     NULL},
    {"either of two will do", BETWEEN("bank", "ledger", "funding.payment"), "", NULL},
    {"the same standard needs nothing", BETWEEN("ledger", "ledger", "funding.payment"), "", NULL},
    {"a needed member that the other standard never says",
     "connectors:\n"
     "  s: {party: us, receive: {plugin: file, directory: x, speaks: rent}}\n"
     "  d: {party: us, deliver: {plugin: file, directory: y, speaks: ledger}}\n"
     "routes: {r: {match: {type: funding.payment}, to: d}}\n",
     "4:50 error no-translation\n",
     "of funding.payment ledger needs what rent never says: date|valueDate, payee"},
    {"a type that the other standard has no place for", BETWEEN("ledger", "bank", "funding.award"),
     "4:48 error no-translation\n", "bank has no place for funding.award"},
    {"a type that becomes no record", BETWEEN("bank", "ledger", "funding.report"),
     "4:49 error no-translation\n", "bank makes no hub record of funding.report"},
    {"a type that only may come", BETWEEN("ledger", "bank", "[funding.payment, funding.award]"),
     "4:67 error no-translation\n", "bank has no place for funding.award"},
};

static char *with_file(const char *findings)
{
    struct buf b = BUF_INIT(1u << 20);
    for (const char *p = findings; *p; p += strcspn(p, "\n") + 1)
        (void)buf_addf(&b, "c/t.yaml:%.*s\n", (int)strcspn(p, "\n"), p);
    return b.p ? buf_take(&b, NULL) : strdup("");
}

static void try_row(const struct row *r, unsigned *bad)
{
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/t.yaml", r->yaml, 0644);
    int rc = config_compile("c", &fake_env, 0, &d, &plan, NULL);
    char *got = place_findings(&d), *want = with_file(r->findings);
    bool said = !r->says;
    for (size_t i = 0; !said && i < d.n; i++)
        said = strstr(d.d[i].text, r->says) != NULL;
    if (strcmp(got, want) != 0 || !said || (rc == 0) != (d.errors == 0) ||
        (rc == 0) != (plan != NULL)) {
        struct buf b = BUF_INIT(1u << 20);
        (void)diagnostics_write(&d, &b);
        print_error("%s: wanted\n%s(%s)\ngot\n%s\n%s\n", r->name, want, r->says ? r->says : "", got,
                    buf_str(&b));
        buf_done(&b);
        (*bad)++;
    }
    free(got);
    free(want);
    tree_free(plan);
    diagnostics_done(&d);
}

static void try_rows(const struct row *rows, size_t n)
{
    unsigned bad = 0;
    place_write("token", "0123456789abcdef0123\n", 0600);
    place_write("open", "0123456789abcdef0123\n", 0644);
    place_write("short", "0123\n", 0600);
    place_write("empty", "# nothing\n\n", 0644);
    for (size_t i = 0; i < n; i++)
        try_row(&rows[i], &bad);
    assert_int_equal(bad, 0);
}

static void a_syntax_error_is_told_in_our_words_at_its_place(void **state)
{
    (void)state;
    try_rows(syntax, ARRAY_SIZE(syntax));
}

static void a_key_or_value_that_is_not_in_the_grammar_is_an_error(void **state)
{
    (void)state;
    try_rows(keys, ARRAY_SIZE(keys));
}

static void connectors_are_checked_against_their_modules(void **state)
{
    (void)state;
    try_rows(connectors, ARRAY_SIZE(connectors));
}

static void the_door_is_open_to_nobody_by_mistake(void **state)
{
    (void)state;
    try_rows(doors, ARRAY_SIZE(doors));
}

static void routes_are_checked_and_a_cut_expression_is_recognised(void **state)
{
    (void)state;
    try_rows(routes, ARRAY_SIZE(routes));
}

static void people_and_standards_are_checked_where_it_can_be_seen(void **state)
{
    (void)state;
    try_rows(people, ARRAY_SIZE(people));
}

static void all_errors_of_all_files_come_in_one_go_in_order(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/a.yaml", "dor: x\nconnectors: {}\nhub: [\n", 0644);
    place_write("c/t.yaml", "limits: {message: x}\nretention: {dead: x}\n", 0644);
    place_write("c/z.yml", "door: {lisn: 1}\n", 0644);
    place_write("c/ignored.txt", "dor: [", 0644);
    assert_int_equal(config_compile("c", &fake_env, 0, &d, &plan, NULL), -EINVAL);
    char *got = place_findings(&d);
    assert_string_equal(got, "c/a.yaml:4:1 error yaml-syntax\nc/t.yaml:1:19 error "
                             "bad-value\nc/t.yaml:2:19 error bad-value\n"
                             "c/z.yml:1:8 error unknown-key\n");
    free(got);
    diagnostics_done(&d);
    (void)unlink("c/a.yaml");
    (void)unlink("c/z.yml");
}

static void a_missing_or_empty_configuration_is_an_error(void **state)
{
    (void)state;
    static const char *const paths[] = {"nowhere", "nothing", "token/x"};
    assert_int_equal(mkdir("nothing", 0700), 0);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        struct diagnostics d = {0};
        struct tree *plan = NULL;
        assert_int_equal(config_compile(paths[i], &fake_env, 0, &d, &plan, NULL), -EINVAL);
        assert_null(plan);
        assert_true(d.errors > 0);
        diagnostics_done(&d);
    }
}

static void without_secrets_an_open_reference_is_no_error(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/t.yaml",
                "door: {listen: \"${env:REEVE_TEST_UNSET}\"}\nconnectors:\n"
                "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: "
                "{bearer: \"${file:none}\"}}}\n"
                "  d: {party: us, deliver: {plugin: http, url: \"${env:REEVE_TEST_UNSET}\", token: "
                "\"${file:none}\", timeout: \"${env:REEVE_TEST_UNSET}\"}}\n"
                "routes: {r: {to: d}}\n",
                0644);
    int r = config_compile("c", &fake_env, CONFIG_WITHOUT_SECRETS, &d, &plan, NULL);
    assert_int_equal(d.n, 0);
    assert_int_equal(r, 0);
    tree_free(plan);
    plan = NULL;
    assert_int_equal(config_compile("c", &fake_env, 0, &d, &plan, NULL), -EINVAL);
    assert_int_equal(d.errors, 5);
    diagnostics_done(&d);
}

static void findings_never_show_what_a_reference_gave(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct tree *plan = NULL;
    struct buf b = BUF_INIT(1u << 20);
    assert_int_equal(setenv("REEVE_TEST_SECRET", "hunter2 hunter2", 1), 0);
    place_write("c/base.yaml", place_base, 0644);
    place_write("c/t.yaml",
                "door: {listen: \"${env:REEVE_TEST_SECRET}\"}\nlimits: {message: "
                "\"${env:REEVE_TEST_SECRET}\"}\nconnectors:\n"
                "  s: {party: us, receive: {plugin: http, path: /x, speaks: cloudevents, auth: "
                "{bearer: \"${env:REEVE_TEST_SECRET}\"}}}\n"
                "  d: {party: us, deliver: {plugin: http, url: \"${env:REEVE_TEST_SECRET}\", "
                "timeout: \"${env:REEVE_TEST_SECRET}\"}}\n"
                "routes: {r: {to: d}}\n",
                0644);
    assert_int_equal(config_compile("c", &fake_env, 0, &d, &plan, NULL), -EINVAL);
    assert_int_equal(diagnostics_write(&d, &b), 0);
    assert_int_equal(d.errors, 5);
    assert_null(strstr(buf_str(&b), "hunter2"));
    buf_done(&b);
    diagnostics_done(&d);
}

static void findings_are_bounded_and_counted(void **state)
{
    (void)state;
    struct diagnostics d = {0};
    struct buf b = BUF_INIT(1u << 20);
    for (unsigned i = 0; i < 2 * DIAGNOSTICS_MAX; i++)
        diagnostics_add(&d, SEVERITY_ERROR, "f", i / 2 + 1, 1, "c", "x\n%u", i);
    diagnostics_add(&d, SEVERITY_ERROR, "f", 1, 1, "c", "x\n%u", 0);
    assert_int_equal(d.n, DIAGNOSTICS_MAX);
    assert_int_equal(d.errors, 2 * DIAGNOSTICS_MAX);
    assert_int_equal(d.left_out, DIAGNOSTICS_MAX);
    diagnostics_sort(&d);
    assert_int_equal(diagnostics_write(&d, &b), 0);
    assert_non_null(strstr(buf_str(&b), "f:1:1: error: x\\x0a0 [c]\n"));
    assert_non_null(strstr(buf_str(&b), "and 500 more\n"));
    buf_done(&b);
    diagnostics_done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syntax_error_is_told_in_our_words_at_its_place),
        cmocka_unit_test(a_key_or_value_that_is_not_in_the_grammar_is_an_error),
        cmocka_unit_test(connectors_are_checked_against_their_modules),
        cmocka_unit_test(the_door_is_open_to_nobody_by_mistake),
        cmocka_unit_test(routes_are_checked_and_a_cut_expression_is_recognised),
        cmocka_unit_test(people_and_standards_are_checked_where_it_can_be_seen),
        cmocka_unit_test(all_errors_of_all_files_come_in_one_go_in_order),
        cmocka_unit_test(a_missing_or_empty_configuration_is_an_error),
        cmocka_unit_test(without_secrets_an_open_reference_is_no_error),
        cmocka_unit_test(findings_never_show_what_a_reference_gave),
        cmocka_unit_test(findings_are_bounded_and_counted),
    };
    return cmocka_run_group_tests(tests, place_setup, place_teardown);
}
