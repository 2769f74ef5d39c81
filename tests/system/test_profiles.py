# SPDX-License-Identifier: Apache-2.0
"""The profiles that ship: with a URL and a key each is a working source."""
import json
import re

import pytest
from conftest import ROOT, module, put, wait_for
from hub import COUNCIL, grant, package
from test_plugin_fetch import publisher, whole  # noqa: F401 (fixture)

ACTIVITY = b"""<?xml version="1.0" encoding="UTF-8"?>
<iati-activities version="2.03"><iati-activity default-currency="GBP">
<iati-identifier>GB-GOV-1-7</iati-identifier><reporting-org ref="GB-GOV-1" type="10"><narrative>Example Office</narrative></reporting-org>
<title><narrative>Wells</narrative></title><description><narrative>Wells are dug</narrative></description>
<participating-org role="1" type="10" ref="GB-GOV-1"/><activity-status code="2"/><activity-date iso-date="2026-01-01" type="2"/>
<recipient-country code="KE"/><sector code="14030" vocabulary="1"/>
<budget><period-start iso-date="2026-01-01"/><period-end iso-date="2026-12-31"/><value value-date="2026-01-01">10</value></budget>
</iati-activity></iati-activities>"""
RELEASES = {"uri": "https://buyer.example/packages/1", "version": "1.1", "publishedDate": "2026-11-01T00:00:00Z", "publisher": {"name": "A Buyer"},
            "releases": [{"ocid": "ocds-213czf-1", "id": "1", "date": "2026-11-01T00:00:00Z", "tag": ["tender"], "initiationType": "tender",
                          "tender": {"id": "t1", "title": "Chairs"}}]}
DOCUMENTS = {"360giving-publisher": (package([grant(1)]), "application/json", "360giving", "360G-example-1"),
             "ocds-publisher": (json.dumps(RELEASES).encode(), "application/json", "ocds", "ocds-213czf-1"),
             "spend-publisher": (b"Body Name,Paid Date,Amount,Supplier Name\nExampleshire,01/04/2026,5.00,Acme\n", "text/csv", "spend-csv",
                                 re.compile("Exampleshire/[0-9a-f]{16}/1")),
             "iati-publisher": (ACTIVITY, "application/xml", "iati", "GB-GOV-1-7")}
SHIPPED = sorted(p.stem for p in (ROOT / "config/profiles").glob("*.yaml") if "plugin: fetch" in p.read_text())


@pytest.mark.parametrize("profile", SHIPPED)
def test_a_profile_needs_a_url_and_a_key(hub, publisher, tmp_path, profile):  # noqa: F811
    body, type_, adapter, subject = DOCUMENTS[profile]
    module("plugins/fetch")
    module(f"adapters/{adapter}")

    def rule(p, path, fields):
        if fields.get("authorization") != "Bearer key":
            return whole(b"", 401)
        return whole(body, Content_Type=type_)

    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / f"{profile}.yaml").write_text((ROOT / f"config/profiles/{profile}.yaml").read_text())
    put(tmp_path / "key", "key", 0o600)
    h = hub({"parties": dict(COUNCIL),
             "connectors": {"feed": {"party": "dcms", "receive": {"use": profile, "url": publisher(rule).url + "/file", "bearer": "${file:key}"}},
                            "sink": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}},
             "routes": {"all": {"when": "true", "to": "sink"}}})
    wait_for(lambda: any(re.fullmatch(subject, json.loads(p.read_text())["subject"]) for p in h.files("out")), 30, lambda: h.log()[-2000:])
