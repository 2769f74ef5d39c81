#!/bin/sh
# Loads the plugin, reads its description and delivers two messages with it, without a hub.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/events.jsonl" <<'END'
{"specversion":"1.0","id":"1","source":"//test/me","type":"funding.award","subject":"award-1","data":{"amount":10}}
{"specversion":"1.0","id":"2","source":"//test/me","type":"client.case","data":{}}
END
"$REEVE" plugin describe ./tally.so | grep -q 'need_subject'
"$REEVE" plugin try ./tally.so -o file="$dir/out" --deliver "$dir/events.jsonl"
printf 'funding.award 1\nclient.case 2\n' | cmp - "$dir/out"
if "$REEVE" plugin try ./tally.so -o file="$dir/out" -o need_subject=true --deliver "$dir/events.jsonl" > "$dir/verdicts"; then
    echo 'a message without a subject was taken' >&2
    exit 1
fi
grep -q '^2 REJECT it has no subject$' "$dir/verdicts"
if "$REEVE" plugin try ./tally.so --deliver "$dir/events.jsonl" 2> "$dir/error"; then
    echo 'the missing option was not noticed' >&2
    exit 1
fi
grep -q 'option file is required' "$dir/error"
echo ok
