/* SPDX-License-Identifier: Apache-2.0 */
/* money - amounts as decimal text, summed exactly: whole numbers of a thousand-millionth of the
 * unit, in 128 bits. Pure. Any thread. */
#ifndef REEVE_RECONCILE_MONEY_H
#define REEVE_RECONCILE_MONEY_H
#include <stdbool.h>
#include <stddef.h>

__extension__ typedef __int128 money;
#define MONEY_ONE        ((money)1000000000) /* of the currency's unit */
#define MONEY_DIGITS_MAX 19 /* before the point, of one amount: 10^9 of them still sum, to */
#define MONEY_SUM_DIGITS 28 /* at most so many */
#define MONEY_TEXT_MAX   52 /* any sum as text, with the closing zero */

/* [+-]DIGITS[.DIGITS], the whole text. false: anything else, more than digits_max
 * digits before the point, or a digit that is not 0 behind the ninth after it. */
bool money_parse(const char *text, size_t digits_max, money *ret);
/* At least two digits after the point, no more than needed. */
void money_text(money v, char out[MONEY_TEXT_MAX]);

#endif
