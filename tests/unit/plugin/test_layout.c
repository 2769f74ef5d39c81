/* SPDX-License-Identifier: Apache-2.0 */
/* The place of every field of every public struct, one line each: what a plugin that was built
 * years ago relies on. A field is only ever appended; then its line is added here and the size of
 * the struct goes up. A line that has to be changed is a broken promise. (64-bit Linux.) */
#include "reeve/plugin.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define AT(s, field, n) _Static_assert(offsetof(struct s, field) == (n), #s "." #field " has moved")

AT(reeve_option, key, 0);
AT(reeve_option, def, 8);
AT(reeve_option, allowed, 16);
AT(reeve_option, help, 24);
AT(reeve_option, type, 32);
AT(reeve_option, flags, 36);
_Static_assert(sizeof(struct reeve_option) == 40,
               "only grows: change this figure when a field is appended");

AT(reeve_emits, type, 0);
AT(reeve_emits, schema, 8);
AT(reeve_emits, attributes, 16);
AT(reeve_emits, flags, 24);
AT(reeve_emits, reserved0, 28);
AT(reeve_emits, gives, 32);
AT(reeve_emits, needs, 40);
_Static_assert(sizeof(struct reeve_emits) == 48,
               "only grows: change this figure when a field is appended");

AT(reeve_plugin, struct_size, 0);
AT(reeve_plugin, abi, 4);
AT(reeve_plugin, option_size, 8);
AT(reeve_plugin, emits_size, 12);
AT(reeve_plugin, name, 16);
AT(reeve_plugin, version, 24);
AT(reeve_plugin, summary, 32);
AT(reeve_plugin, options, 40);
AT(reeve_plugin, open, 48);
AT(reeve_plugin, close, 56);
AT(reeve_plugin, check, 64);
AT(reeve_plugin, poll, 72);
AT(reeve_plugin, request, 80);
AT(reeve_plugin, settled, 88);
AT(reeve_plugin, deliver, 96);
AT(reeve_plugin, max_batch, 104);
AT(reeve_plugin, reserved0, 108);
AT(reeve_plugin, decode, 112);
AT(reeve_plugin, encode, 120);
AT(reeve_plugin, to_hub, 128);
AT(reeve_plugin, from_hub, 136);
AT(reeve_plugin, emits, 144);
AT(reeve_plugin, step, 152);
AT(reeve_plugin, source_flags, 160);
AT(reeve_plugin, reserved1, 164);
AT(reeve_plugin, adapter_flags, 168);
AT(reeve_plugin, reserved2, 172);
_Static_assert(sizeof(struct reeve_plugin) == 176,
               "only grows: change this figure when a field is appended");

AT(reeve_issue, size, 0);
AT(reeve_issue, severity, 8);
AT(reeve_issue, flags, 12);
AT(reeve_issue, code, 16);
AT(reeve_issue, where, 24);
AT(reeve_issue, subject, 32);
AT(reeve_issue, found, 40);
AT(reeve_issue, wanted, 48);
AT(reeve_issue, text, 56);
_Static_assert(sizeof(struct reeve_issue) == 64,
               "only grows: change this figure when a field is appended");

AT(reeve_http, size, 0);
AT(reeve_http, method, 8);
AT(reeve_http, url, 16);
AT(reeve_http, headers, 24);
AT(reeve_http, body, 32);
AT(reeve_http, body_len, 40);
AT(reeve_http, timeout_ms, 48);
AT(reeve_http, ca, 56);
AT(reeve_http, per_host, 64);
AT(reeve_http, reserved0, 68);
_Static_assert(sizeof(struct reeve_http) == 72,
               "only grows: change this figure when a field is appended");

_Static_assert(sizeof(reeve_rc) == 4, "verdicts are int32_t");
_Static_assert(REEVE_OK == 0 && REEVE_RETRY == 1 && REEVE_REJECT == 2 && REEVE_DOWN == 3 &&
                   REEVE_FATAL == 4,
               "numbers never change meaning");

/* The asserts above have passed when this was compiled. */
static void no_field_of_a_public_struct_has_moved(void **state)
{
    (void)state;
    assert_int_equal(REEVE_ABI, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_field_of_a_public_struct_has_moved)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
