-- SPDX-License-Identifier: Apache-2.0
-- wrk: CloudEvents of 1 KiB, each with an id of its own. Arguments behind --: a prefix for the ids, a bearer token.
local prefix, token, n = "x", "", 0
local filler = string.rep("the tide is in and the rope is dry ", 40)

function init(args)
  prefix, token = args[1] or prefix, args[2] or ""
end

function request()
  n = n + 1
  local head = string.format('{"specversion":"1.0","id":"%s-%d","source":"https://bench.example/events",' ..
    '"type":"information.measure","subject":"m%d","time":"2026-04-21T09:12:44Z","datacontenttype":"application/json",' ..
    '"place":"E07000901","data":{"value":%d,"text":"', prefix, n, n, n)
  local body = head .. filler:sub(1, 1024 - #head - 3) .. '"}}'
  local headers = { ["Content-Type"] = "application/cloudevents+json" }
  if token ~= "" then headers["Authorization"] = "Bearer " .. token end
  return wrk.format("POST", nil, headers, body)
end
