/* SPDX-License-Identifier: Apache-2.0 */
/* ssh - see fetch.h. What is different when a document is asked for over SFTP: who we are, whom we
 * trust, and that there are no validators. Size and time of the file stand in for them. */
#include "fetch.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool ssh_is(const char *url)
{
    return strncasecmp(url, "sftp://", 7) == 0;
}

reeve_rc ssh_check(reeve_ctx *ctx)
{
    if (reeve_conf(ctx, "user", 0) == NULL)
        return reeve_fail(ctx, REEVE_FATAL, "sftp needs a user");
    if (reeve_conf(ctx, "known_hosts", 0) == NULL)
        return reeve_fail(ctx, REEVE_FATAL,
                          "sftp needs known_hosts: the file with the server's key, as ssh-keyscan "
                          "writes it and somebody has checked it");
    if ((reeve_conf(ctx, "key", 0) != NULL) == (reeve_conf(ctx, "password", 0) != NULL))
        return reeve_fail(ctx, REEVE_FATAL, "sftp needs a key or a password, and not both");
    return REEVE_OK;
}

static void authenticate(void *curl, reeve_ctx *ctx)
{
    const char *key = reeve_conf(ctx, "key", 0);
    (void)curl_easy_setopt(curl, CURLOPT_USERNAME, reeve_conf(ctx, "user", 0));
    (void)curl_easy_setopt(curl, CURLOPT_SSH_KNOWNHOSTS, reeve_conf(ctx, "known_hosts", 0));
    if (key != NULL) { /* libssh2 makes the public half of it */
        (void)curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
        (void)curl_easy_setopt(curl, CURLOPT_SSH_PRIVATE_KEYFILE, key);
        (void)curl_easy_setopt(curl, CURLOPT_SSH_PUBLIC_KEYFILE, "");
    } else {
        (void)curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES,
                               (long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD));
        (void)curl_easy_setopt(curl, CURLOPT_PASSWORD, reeve_conf(ctx, "password", 0));
    }
}

void ssh_prepare(void *curl, reeve_ctx *ctx)
{
    authenticate(curl, ctx);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "sftp");
}

int ssh_look(void *curl, char state[FIELD_MAX])
{
    curl_off_t size = -1, changed = -1;
    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
    CURLcode rc = curl_easy_perform(curl);
    (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (rc != CURLE_OK)
        return (int)rc;
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    (void)curl_easy_getinfo(curl, CURLINFO_FILETIME_T, &changed);
    (void)snprintf(state, FIELD_MAX, "size %lld time %lld", (long long)size, (long long)changed);
    return 0;
}
