/* SPDX-License-Identifier: Apache-2.0 */
/* bench_latency - how long a message takes from its sender to its receiver, through a whole hub.
 *
 * bench_latency DOOR-PORT PATH TOKEN LISTEN-PORT SECONDS: sends events of 1 KiB to the door (TLS,
 * keep-alive) and is the HTTP receiver that the hub delivers them to. First as fast as they come
 * out again, with so many under way at a time: the maximum. Then at 10, 50 and 90 % of it with an
 * open loop: message i is due at i / rate, whatever became of those before it, and its time counts
 * from then, not from when a connection was free for it (no coordinated omission). Prints one JSON
 * line a phase; times are ms. Certificates are not looked at. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENT     1024u
#define BUFFER    16384u
#define SENDERS   128u /* connections to the door */
#define SOCKETS   1024 /* all descriptors are below */
#define UNDER_WAY 1000u
#define MESSAGES  2000000u
#define DRAIN_US  60000000u

struct connection {
    bool receives, busy;
    SSL *tls; /* senders */
    uint32_t number;
    size_t len;
    char in[BUFFER + 1];
};

static struct {
    int epoll, listening;
    struct connection *at[SOCKETS];
    int idle[SENDERS];
    unsigned idle_n;
    const char *path, *token;
    uint32_t due_n, sent, answered, delivered, bad, again;
    uint64_t start, end; /* of the phase, us */
    double rate;         /* 0: as fast as they come out */
} g;
static uint64_t due[MESSAGES], out_at[MESSAGES], taken_at[MESSAGES], there_at[MESSAGES];
static unsigned phase;

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_latency: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct connection *watch(int fd, SSL *tls, bool receives)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    struct connection *c = calloc(1, sizeof *c);
    int one = 1;
    if (!c || fd >= SOCKETS || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        epoll_ctl(g.epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
        die("a connection");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->tls = tls;
    c->receives = receives;
    g.at[fd] = c;
    return c;
}

/* ---- the sender ---- */

static void connect_door(SSL_CTX *ctx, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *tls = SSL_new(ctx);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("the door");
    if (!tls || SSL_set_fd(tls, fd) != 1 || SSL_connect(tls) != 1)
        die("TLS with the door");
    (void)watch(fd, tls, false);
    g.idle[g.idle_n++] = fd;
}

static size_t write_event(uint32_t number, char *at, size_t size)
{
    static const char filler[] = "the tide is in and the rope is dry ";
    size_t len = (size_t)snprintf(
        at, size,
        "{\"specversion\":\"1.0\",\"id\":\"p%u-%u\",\"source\":\"https://bench.example/events\","
        "\"type\":\"information.measure\",\"subject\":\"p%u-%u\",\"time\":\"2026-04-21T09:12:44Z\","
        "\"datacontenttype\":\"application/json\",\"place\":\"E07000901\",\"data\":{\"bench\":"
        "\"#%u-%u#\",\"text\":\"",
        phase, number, phase, number, phase, number);
    for (size_t i = 0; len < EVENT - 3; len++, i++)
        at[len] = filler[i % (sizeof filler - 1)];
    memcpy(at + len, "\"}}", 4);
    return EVENT;
}

static void send_one(int fd)
{
    static char text[EVENT + 1024];
    struct connection *c = g.at[fd];
    size_t len = (size_t)snprintf(text, sizeof text,
                                  "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
                                  "%s\r\nContent-Type: application/cloudevents+json\r\n"
                                  "Content-Length: %u\r\n\r\n",
                                  g.path, g.token, EVENT);
    c->number = g.sent++;
    c->busy = true;
    c->len = 0;
    len += write_event(c->number, text + len, sizeof text - len);
    out_at[c->number] = now_us();
    if (SSL_write(c->tls, text, (int)len) != (int)len)
        die("writing to the door");
}

static void answered(int fd, struct connection *c)
{
    if (strncmp(c->in, "HTTP/1.1 202", 12) == 0) {
        taken_at[c->number] = now_us();
        g.answered++;
    } else if (g.bad++ == 0) {
        (void)fprintf(stderr, "bench_latency: the door says: %.300s\n", c->in);
    }
    c->busy = false;
    c->len = 0;
    g.idle[g.idle_n++] = fd;
}

/* ---- both ends ---- */

/* Length of the first whole head and body in the buffer; 0: not all of it is there yet. */
static size_t whole(const struct connection *c)
{
    const char *head = strstr(c->in, "\r\n\r\n");
    const char *field = head ? strcasestr(c->in, "\r\nContent-Length:") : NULL;
    size_t body = field && field < head ? strtoul(field + 17, NULL, 10) : 0;
    size_t all = head ? (size_t)(head - c->in) + 4 + body : 0;
    if (all > BUFFER)
        die("a message that is too long");
    return all <= c->len ? all : 0;
}

static void delivered(int fd, const struct connection *c, size_t len)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const char *mark = memmem(c->in, len, "\"#", 2);
    unsigned of = 0, number = 0;
    if (!mark || sscanf(mark, "\"#%u-%u#\"", &of, &number) != 2)
        die("a delivery that is none of ours");
    if (of == phase && number < g.sent && there_at[number] == 0) {
        there_at[number] = now_us();
        g.delivered++;
    } else {
        g.again++;
    }
    if (write(fd, ok, sizeof ok - 1) != (ssize_t)sizeof ok - 1)
        die("answering the hub");
}

static ssize_t read_some(int fd, struct connection *c)
{
    if (!c->tls)
        return read(fd, c->in + c->len, BUFFER - c->len);
    int n = SSL_read(c->tls, c->in + c->len, (int)(BUFFER - c->len));
    if (n <= 0 && SSL_get_error(c->tls, n) == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    return n;
}

static void readable(int fd)
{
    struct connection *c = g.at[fd];
    ssize_t n;
    while ((n = read_some(fd, c)) > 0) {
        c->len += (size_t)n;
        c->in[c->len] = '\0';
        for (size_t len; (len = whole(c)) > 0;) {
            if (!c->receives) {
                answered(fd, c);
                break;
            }
            delivered(fd, c, len);
            memmove(c->in, c->in + len, c->len - len + 1);
            c->len -= len;
        }
    }
    if (n < 0 && errno == EAGAIN)
        return;
    if (!c->receives)
        die("the door ends a connection");
    (void)close(fd);
    free(c);
    g.at[fd] = NULL;
}

static void listen_at(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1;
    g.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = g.listening};
    if (g.listening < 0 ||
        setsockopt(g.listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(g.listening, (struct sockaddr *)&at, sizeof at) < 0 || listen(g.listening, 128) < 0 ||
        epoll_ctl(g.epoll, EPOLL_CTL_ADD, g.listening, &ev) < 0)
        die("listening");
}

/* ---- phases ---- */

/* How many may have been sent by now; the time of each is noted when it is due. */
static void look_what_is_due(uint64_t now)
{
    if (now >= g.end)
        now = g.end;
    if (g.rate > 0) {
        while (g.due_n < MESSAGES && g.start + (uint64_t)(g.due_n * 1e6 / g.rate) < now) {
            due[g.due_n] = g.start + (uint64_t)(g.due_n * 1e6 / g.rate);
            g.due_n++;
        }
        return;
    }
    while (now < g.end && g.due_n < MESSAGES && g.due_n < g.delivered + UNDER_WAY &&
           g.due_n < g.sent + g.idle_n)
        due[g.due_n++] = now;
}

static void turn(void)
{
    struct epoll_event ev[64];
    uint64_t now = now_us(), next = now + 100000;
    if (g.rate > 0 && now < g.end)
        next = g.start + (uint64_t)(g.due_n * 1e6 / g.rate) + 1;
    uint64_t wait = next > now ? next - now : 0;
    struct timespec ts = {.tv_sec = (time_t)(wait / 1000000),
                          .tv_nsec = (long)(wait % 1000000) * 1000};
    int n = epoll_pwait2(g.epoll, ev, 64, &ts, NULL);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.fd != g.listening) {
            readable(ev[i].data.fd);
            continue;
        }
        int fd = accept4(g.listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            (void)watch(fd, NULL, true);
    }
}

static void run_phase(double rate, unsigned seconds)
{
    memset(there_at, 0, sizeof *there_at * g.sent);
    memset(taken_at, 0, sizeof *taken_at * g.sent);
    phase++;
    g.due_n = g.sent = g.answered = g.delivered = g.bad = g.again = 0;
    g.rate = rate;
    g.start = now_us();
    g.end = g.start + seconds * 1000000ull;
    for (uint64_t now; (now = now_us()) < g.end + DRAIN_US;) {
        look_what_is_due(now);
        while (g.idle_n > 0 && g.sent < g.due_n)
            send_one(g.idle[--g.idle_n]);
        if (now >= g.end && g.sent == g.due_n && g.answered + g.bad == g.sent &&
            g.delivered >= g.answered)
            return;
        turn();
    }
}

static int by_size(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_times(const char *what, const uint64_t *at)
{
    static float ms[MESSAGES];
    size_t n = 0;
    for (uint32_t i = 0; i < g.sent; i++)
        if (at[i])
            ms[n++] = (float)(at[i] - due[i]) / 1000;
    qsort(ms, n, sizeof *ms, by_size);
    if (n > 0)
        printf(",\"%s\":{\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"max\":%.2f}", what,
               (double)ms[n / 2], (double)ms[n * 99 / 100], (double)ms[n * 999 / 1000],
               (double)ms[n - 1]);
}

/* Deliveries a second in the phase, without its first fifth. */
static double rate_found(void)
{
    uint64_t from = g.start + (g.end - g.start) / 5;
    unsigned n = 0;
    for (uint32_t i = 0; i < g.sent; i++)
        n += there_at[i] >= from && there_at[i] < g.end;
    return n * 1e6 / (double)(g.end - from);
}

static double report(double part)
{
    double rate = rate_found();
    printf("{\"part\":%.1f,\"asked\":%.1f,\"rate\":%.1f,\"due\":%u,\"accepted\":%u,\"refused\":%u,"
           "\"delivered\":%u,\"again\":%u",
           part, g.rate, rate, g.due_n, g.answered, g.bad, g.delivered, g.again);
    print_times("sent", out_at);
    print_times("door", taken_at);
    print_times("delivery", there_at);
    printf("}\n");
    (void)fflush(stdout);
    return rate;
}

int main(int argc, char **argv)
{
    static const double part[] = {0.1, 0.5, 0.9};
    if (argc != 6) {
        (void)fprintf(stderr, "usage: bench_latency DOOR-PORT PATH TOKEN LISTEN-PORT SECONDS\n");
        return 64;
    }
    unsigned seconds = (unsigned)strtoul(argv[5], NULL, 10);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    g.epoll = epoll_create1(EPOLL_CLOEXEC);
    g.path = argv[2];
    g.token = argv[3];
    if (!ctx || g.epoll < 0)
        die("starting");
    listen_at((uint16_t)strtoul(argv[4], NULL, 10));
    for (unsigned i = 0; i < SENDERS; i++)
        connect_door(ctx, (uint16_t)strtoul(argv[1], NULL, 10));
    run_phase(0, seconds);
    double most = report(1);
    for (size_t i = 0; i < sizeof part / sizeof *part && most > 0; i++) {
        run_phase(most * part[i], seconds);
        (void)report(part[i]);
    }
    return most > 0 ? 0 : 1;
}
