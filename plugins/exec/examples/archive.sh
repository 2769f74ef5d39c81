#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sink: appends every event to the file that is its argument. "seq" always comes first in a line, so that a shell can find it.
read -r hello || exit 0
echo '{"reeve":1,"name":"archive"}'
while read -r line; do
    seq=${line#*:}
    seq=${seq%%,*}
    if printf '%s\n' "$line" >>"$1"; then
        echo "{\"seq\":$seq,\"verdict\":\"ok\"}"
    else
        echo "{\"seq\":$seq,\"verdict\":\"down\",\"text\":\"the archive cannot be written\"}"
    fi
done
