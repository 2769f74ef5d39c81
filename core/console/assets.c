/* SPDX-License-Identifier: Apache-2.0 */
/* assets - style, script and icon, as they lie beside this file, put into the program by the
 * assembler (the Makefile says that this object depends on them). */
#include "console.h"
#include "base/util.h"
#include <string.h>

#define ASSET(symbol, file)                                                                   \
    __asm__(".section .rodata\n.balign 1\n.global " #symbol "\n.hidden " #symbol "\n" #symbol \
            ":\n.incbin \"core/console/" file "\"\n.global " #symbol "_end\n.hidden " #symbol \
            "_end\n" #symbol "_end:\n.byte 0\n.previous\n");                                  \
    extern const char symbol[], symbol##_end[]

ASSET(asset_style, "style.css");
ASSET(asset_script, "app.js");
ASSET(asset_icon, "icon.svg");

const struct asset *asset_find(const char *name)
{
    static struct asset known[] = {
        {"style.css", "text/css; charset=utf-8", asset_style, 0},
        {"app.js", "text/javascript; charset=utf-8", asset_script, 0},
        {"icon.svg", "image/svg+xml", asset_icon, 0},
    };
    static const char *const ends[] = {asset_style_end, asset_script_end, asset_icon_end};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(known[i].name, name) == 0) {
            known[i].len = (size_t)((uintptr_t)ends[i] - (uintptr_t)known[i].text);
            return &known[i];
        }
    return NULL;
}
