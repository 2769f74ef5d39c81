/* SPDX-License-Identifier: Apache-2.0 */
/* door_wire - what the door and a process behind it (a source worker, the console) say to each
 * other: frame.h over DATA/run/NAME.sock, which that process listens on, mode 0600.
 *
 * The door connects (again whenever the connection ends) and may have many requests under way;
 * answers come in any order. A worker that goes away leaves its requests to be answered 503 by the
 * door: the sender's retry completes them. */
#ifndef REEVE_BASE_DOOR_WIRE_H
#define REEVE_BASE_DOOR_WIRE_H

#define DOOR_WIRE_VERSION     2
#define DOOR_INLINE_MAX       (64u << 10) /* larger bodies travel as an unlinked file's descriptor */
#define DOOR_FRAME_MAX        (2u << 20)  /* largest frame; answers are at most this */
#define DOOR_HEADERS_MAX      12u         /* header fields of an answer */
#define DOOR_HEADER_NAME_MAX  48u         /* bytes of a name: lower case, a token (RFC 9110) */
#define DOOR_HEADER_VALUE_MAX 1024u       /* bytes of a value: visible US-ASCII and blanks */

enum door_type {
    DOOR_HELLO = 1, /* door -> worker: u32 version */
    DOOR_REQUEST =
        2, /* door -> worker: u64 number, str method, str path (of the request, decoded), str query,
              u32 headers, (str name in lower case, str value)*, u64 body length, bytes body (empty
              when the frame carries a descriptor), u64 deadline (ms from now) */
    DOOR_CANCEL = 3, /* door -> worker: u64 number: nobody waits for the answer any more */
    DOOR_ANSWER = 64 /* worker -> door: u64 number, u32 HTTP status, str content type, u32 retry
                        after (s, 0 = none), u32 headers, (str name, str value)*, bytes body. Fields
                        that the door itself decides (length, connection, caching …) are refused */
};

#endif
