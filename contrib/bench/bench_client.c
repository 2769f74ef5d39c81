/* SPDX-License-Identifier: Apache-2.0 */
/* bench_client - load on a door when wrk is not installed: so many connections, each sends an event
 * of 1 KiB, waits for the answer, and sends the next. Slower than wrk, and equally so for both
 * sides.
 *
 * bench_client URL ID-PREFIX TOKEN SECONDS CONNECTIONS: prints one JSON line. Certificates are not
 * looked at. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVENT           1024
#define CONNECTIONS_MAX 256
#define LATENCIES_MAX   2000000

struct slot {
    CURL *easy;
    double began;
    char event[EVENT + 1];
};

static struct slot slots[CONNECTIONS_MAX];
static float latency[LATENCIES_MAX]; /* milliseconds */
static size_t latencies, bad, sent;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t swallow(char *p, size_t size, size_t n, void *arg)
{
    (void)p, (void)arg;
    return size * n;
}

static void send_next(CURLM *multi, struct slot *s, const char *prefix)
{
    static const char filler[] = "the tide is in and the rope is dry ";
    sent++;
    int len = snprintf(
        s->event, sizeof s->event,
        "{\"specversion\":\"1.0\",\"id\":\"%.40s-%zu\",\"source\":\"https://bench.example/events\","
        "\"type\":\"information.measure\",\"subject\":\"m%zu\",\"time\":\"2026-04-21T09:12:44Z\","
        "\"datacontenttype\":\"application/"
        "json\",\"place\":\"E07000901\",\"data\":{\"value\":%zu,\"text\":\"",
        prefix, sent, sent, sent);
    for (size_t at = (size_t)len, i = 0; at < EVENT - 3; at++, i++)
        s->event[at] = filler[i % (sizeof filler - 1)];
    memcpy(s->event + EVENT - 3, "\"}}", 4);
    s->began = now();
    (void)curl_multi_add_handle(multi, s->easy);
}

static void open_slot(struct slot *s, const char *url, struct curl_slist *headers)
{
    s->easy = curl_easy_init();
    if (s->easy == NULL)
        exit(1);
    (void)curl_easy_setopt(s->easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->event);
    (void)curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE, (long)EVENT);
    (void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYPEER, 0L);
    (void)curl_easy_setopt(s->easy, CURLOPT_SSL_VERIFYHOST, 0L);
    (void)curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, swallow);
    (void)curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    (void)curl_easy_setopt(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static void take_done(CURLM *multi, const char *prefix, bool more)
{
    struct CURLMsg *m;
    int left = 0;
    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
        struct slot *s = NULL;
        long status = 0;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        if (m->data.result != CURLE_OK || status < 200 || status > 299)
            bad++;
        else if (latencies < LATENCIES_MAX)
            latency[latencies++] = (float)((now() - s->began) * 1000);
        (void)curl_multi_remove_handle(multi, s->easy);
        if (more)
            send_next(multi, s, prefix);
    }
}

static int compare(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(int argc, char **argv)
{
    size_t n = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;
    if (n == 0 || n > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: bench_client URL PREFIX TOKEN SECONDS CONNECTIONS\n");
        return 64;
    }
    char bearer[256];
    (void)snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", argv[3]);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: application/cloudevents+json");
    headers = curl_slist_append(headers, bearer);
    double begin = now(), end = begin + strtod(argv[4], NULL);
    for (size_t i = 0; i < n; i++) {
        open_slot(&slots[i], argv[1], headers);
        send_next(multi, &slots[i], argv[2]);
    }
    for (int running = 1; running > 0;) {
        (void)curl_multi_perform(multi, &running);
        take_done(multi, argv[2], now() < end);
        (void)curl_multi_perform(multi, &running);
        if (running > 0)
            (void)curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    double seconds = now() - begin;
    qsort(latency, latencies, sizeof latency[0], compare);
    printf("{\"rate\":%.1f,\"total\":%zu,\"bad\":%zu,\"p50\":\"%.2fms\",\"p99\":\"%.2fms\"}\n",
           (double)latencies / seconds, latencies, bad,
           latencies > 0 ? (double)latency[latencies / 2] : 0.0,
           latencies > 0 ? (double)latency[latencies * 99 / 100] : 0.0);
    for (size_t i = 0; i < n; i++)
        curl_easy_cleanup(slots[i].easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return 0;
}
