/* SPDX-License-Identifier: Apache-2.0 */
/* formats - the string formats that JSON Schemas of our standards assert. Pure. */
#ifndef ADAPTERS_LIB_FORMATS_H
#define ADAPTERS_LIB_FORMATS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool format_date_time(const char *s,
                      size_t len); /* RFC 3339 section 5.6 date-time, the day must exist */
/* Microseconds from 1970-01-01T00:00:00Z on of what format_date_time() lets pass; more digits are
 * cut off. For comparing. */
int64_t instant_us(const char *s, size_t len);
/* ^[0-9]{4}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])$: the shape only (2026-02-31 passes) */
bool format_date_shape(const char *s, size_t len);
bool format_month_shape(const char *s, size_t len); /* ^[0-9]{4}(-(0[1-9]|1[012]))?$ */
bool format_uri(const char *s, size_t len);         /* RFC 3986 section 3 URI: with a scheme */
bool format_language_tag(const char *s);            /* RFC 5646 section 2.1, such as en-GB */
bool date_exists(const char *s,
                 size_t len); /* of a string whose first ten bytes have the date shape */

/* Decimal number text as JSON has it: its integer part cut towards zero and kept within int32. */
int32_t number_whole_saturated(const char *s);
/* Digits behind the point that are not trailing zeros; 0 with an exponent. */
size_t number_decimals(const char *s);

#endif
