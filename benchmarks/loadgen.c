/* Load generator: one thread, one epoll, N connections to 127.0.0.1; prints one JSON line.
 *
 *   loadgen paced  --port P --streams N --ramp S --rate R          one stream per connection
 *   loadgen loop   --port P --streams K --seconds S [--plain 1]    keep-alive, request after request
 *   loadgen cancel --port P --streams N --ramp S --token T --every E [--rst 1]
 *
 * Stamps are CLOCK_MONOTONIC, taken when recv() returns. It knows chunked bodies and the ends of
 * SSE events, and tells a content event by a `"content":"` that is not empty; no other JSON.
 * `cancel`: each E-th stream closes on its T-th content event, the others read to their ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { HEAD, SIZE, CHUNK, CHUNK_END, TRAILER, LENGTH };  /* what the parser expects next */

struct text { size_t len; char s[4096]; };

struct stream {
    int fd, index, state, connected, contents, events, done, port;
    size_t left;                                         /* bytes of this chunk, or of the body */
    int64_t opened, asked, first_byte, first, last;
    struct text line, event;                             /* the head or a size; one SSE event */
};

struct numbers { double *v; size_t n, cap; };

static const char *mode;
static int port, streams = 1, plain, token = 1, every = 1, rst;
static double ramp, rate, seconds;
static char request[1024];
static size_t request_len;
static int ep, live;
static int64_t begun;
static long completed, failed, cancelled, contents, events;
static struct numbers connects, first_bytes, ttfts, drifts, errors, latencies;
static char *closes;                                     /* JSON: [port, ns, token] of each cancel */
static size_t closes_len;
static FILE *closes_file;                                /* writes to them */

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void add(struct numbers *a, double x) {
    if (a->n == a->cap) a->v = realloc(a->v, (a->cap = a->cap ? 2 * a->cap : 1024) * sizeof *a->v);
    a->v[a->n++] = x;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_numbers(const char *name, struct numbers *a) {
    printf(", \"%s\": ", name);
    if (!a->n) { printf("null"); return; }
    qsort(a->v, a->n, sizeof *a->v, ascending);
    printf("{\"p50\": %.4f, \"p99\": %.4f, \"max\": %.4f}", a->v[(a->n - 1) / 2],
           a->v[(size_t)ceil(0.99 * (double)a->n) - 1], a->v[a->n - 1]);
}

static void shut(struct stream *s) { close(s->fd); s->fd = -1; live--; }

static void fail(struct stream *s, const char *why) {
    if (!failed++) fprintf(stderr, "loadgen: stream %d, event %d: %s\n", s->index, s->events, why);
    shut(s);
}

static void ask(struct stream *s) {
    s->state = HEAD; s->line.len = s->event.len = 0; s->contents = s->events = s->done = 0; s->first_byte = 0;
    s->asked = now_ns();
    if (send(s->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len) fail(s, "send");
}

static void open_stream(struct stream *s) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = s};
    int one = 1;
    live++;
    s->opened = now_ns();
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0) { perror("loadgen: socket"); exit(1); }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) {
        fail(s, "connect");
        return;
    }
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e);
}

static void on_connected(struct stream *s) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    struct sockaddr_in me;
    socklen_t len = sizeof me;
    s->connected = 1;
    add(&connects, (double)(now_ns() - s->opened) / 1e6);
    if (!getsockname(s->fd, (struct sockaddr *)&me, &len)) s->port = ntohs(me.sin_port);
    epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &e);
    ask(s);
}

static void cancel(struct stream *s) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    if (rst) setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    fprintf(closes_file, "%s[%d, %lld, %d]", cancelled++ ? ", " : "", s->port,
            (long long)now_ns(), s->contents);
    shut(s);
}

static void on_event(struct stream *s, int64_t now) {
    static const char key[] = "\"content\":\"";
    const char *at;
    s->events++; events++;
    if (s->event.len > 12 && !memcmp(s->event.s, "data: [DONE]", 12)) { s->done = 1; return; }
    at = memmem(s->event.s, s->event.len, key, sizeof key - 1);
    if (!at || at[sizeof key - 1] == '"') return;
    if (!s->contents++) { s->first = now; add(&ttfts, (double)(now - s->asked) / 1e6); }
    s->last = now;
    contents++;
    if (rate > 0 && s->contents > 1)
        add(&errors, fabs((double)(now - s->first) / 1e6 - (s->contents - 1) * 1e3 / rate));
    if (!strcmp(mode, "cancel") && s->contents == token && s->index % every == 0) cancel(s);
}

static void on_end(struct stream *s, int64_t now) {
    if (!plain && !s->done) { fail(s, "the body ended without [DONE]"); return; }
    completed++;
    if (!strcmp(mode, "loop")) {
        add(&latencies, (double)(now - s->asked) / 1e6);
        ask(s);
        return;
    }
    if (rate > 0)
        add(&drifts, (double)(s->last - s->first) / 1e6 - (s->contents - 1) * 1e3 / rate);
    shut(s);
}

static int keep(struct stream *s, struct text *in, const char *from, size_t n) {
    if (in->len + n >= sizeof in->s) { fail(s, "a head, a line or an event over 4 KB"); return 0; }
    memcpy(in->s + in->len, from, n);
    in->len += n;
    return 1;
}

static void on_data(struct stream *s, const char *p, size_t n, int64_t now) {
    struct text *event = &s->event;
    while (n && !plain && s->fd >= 0) {
        const char *newline = memchr(p, '\n', n);
        size_t take = newline ? (size_t)(newline - p) + 1 : n;
        if (!keep(s, event, p, take)) return;
        p += take; n -= take;
        if (newline && event->len > 1 && event->s[event->len - 2] == '\n') {
            on_event(s, now);
            event->len = 0;
        }
    }
}

static void on_line(struct stream *s, int64_t now) {
    struct text *line = &s->line;
    const char *length;
    line->s[line->len] = 0;
    if (s->state == HEAD) {
        if (line->len < 4 || memcmp(line->s + line->len - 4, "\r\n\r\n", 4)) return;
        if (strncmp(line->s, "HTTP/1.1 200", 12)) { fail(s, line->s); return; }
        length = strcasestr(line->s, "\r\ncontent-length:");
        s->state = length ? LENGTH : SIZE;
        s->left = length ? strtoul(length + 17, NULL, 10) : 0;
    } else if (s->state == SIZE) {
        s->left = strtoul(line->s, NULL, 16);
        s->state = s->left ? CHUNK : TRAILER;
    } else if (s->state == CHUNK_END) {
        s->state = SIZE;
    } else if (line->len == 2) {
        on_end(s, now);
    }
    line->len = 0;
}

static void feed(struct stream *s, const char *p, size_t n, int64_t now) {
    while (n && s->fd >= 0) {
        int body = s->state == CHUNK || s->state == LENGTH;
        const char *newline = body ? NULL : memchr(p, '\n', n);
        size_t take = newline ? (size_t)(newline - p) + 1 : n;
        if (body) {
            if (take > s->left) take = s->left;
            on_data(s, p, take, now);
            if (s->fd >= 0 && !(s->left -= take)) {
                if (s->state == LENGTH) on_end(s, now);
                else s->state = CHUNK_END;
            }
        } else {
            if (!keep(s, &s->line, p, take)) return;
            if (newline) on_line(s, now);
        }
        p += take; n -= take;
    }
}

static void on_ready(struct stream *s) {
    static char buffer[1 << 16];
    ssize_t n;
    int64_t now;
    if (!s->connected) { on_connected(s); return; }
    n = recv(s->fd, buffer, sizeof buffer, 0);
    now = now_ns();
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { fail(s, n ? "recv" : "the server closed before the end"); return; }
    if (!s->first_byte) {
        s->first_byte = now;
        add(&first_bytes, (double)(now - s->asked) / 1e6);
    }
    feed(s, buffer, (size_t)n, now);
}

static void run(void) {
    struct stream *all = calloc((size_t)streams, sizeof *all);
    struct epoll_event ready[256];
    int64_t end = !strcmp(mode, "loop") ? now_ns() + (int64_t)(seconds * 1e9) : INT64_MAX;
    int opened = 0;
    begun = now_ns();
    while ((opened < streams || live) && now_ns() < end) {
        int64_t gap = (int64_t)(ramp * 1e9 / streams);
        for (; opened < streams && now_ns() - begun >= opened * gap; opened++) {
            all[opened].index = opened;
            open_stream(&all[opened]);
        }
        int n = epoll_wait(ep, ready, 256, opened < streams || end < INT64_MAX ? 1 : 1000);
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            if (s->fd >= 0) on_ready(s);
        }
    }
    seconds = (double)(now_ns() - begun) / 1e9;
}

static void print_result(void) {
    printf("{\"mode\": \"%s\", \"streams\": %d, \"seconds\": %.4f, \"completed\": %ld, "
           "\"cancelled\": %ld, \"failed\": %ld, \"contents\": %ld, \"events\": %ld",
           mode, streams, seconds, completed, cancelled, failed, contents, events);
    print_numbers("connect_ms", &connects);
    print_numbers("first_byte_ms", &first_bytes);
    print_numbers("ttft_ms", &ttfts);
    print_numbers("drift_ms", &drifts);
    print_numbers("error_ms", &errors);
    print_numbers("latency_ms", &latencies);
    fclose(closes_file);
    printf(", \"closes\": [%s]}\n", closes);
}

static void read_options(int argc, char **argv) {
    for (int i = 2; i + 1 < argc; i += 2) {
        double value = atof(argv[i + 1]);
        if (!strcmp(argv[i], "--port")) port = (int)value;
        else if (!strcmp(argv[i], "--streams")) streams = (int)value;
        else if (!strcmp(argv[i], "--ramp")) ramp = value;
        else if (!strcmp(argv[i], "--rate")) rate = value;
        else if (!strcmp(argv[i], "--seconds")) seconds = value;
        else if (!strcmp(argv[i], "--plain")) plain = (int)value;
        else if (!strcmp(argv[i], "--token")) token = (int)value;
        else if (!strcmp(argv[i], "--every")) every = (int)value;
        else if (!strcmp(argv[i], "--rst")) rst = (int)value;
        else { fprintf(stderr, "loadgen: unknown option %s\n", argv[i]); exit(2); }
    }
}

int main(int argc, char **argv) {
    char body[256];
    if (argc < 2) { fprintf(stderr, "loadgen paced|loop|cancel --port P ...\n"); return 2; }
    mode = argv[1];
    read_options(argc, argv);
    snprintf(body, sizeof body, "{\"model\":\"gpt-4o-mini\",\"stream\":%s,\"messages\":"
             "[{\"role\":\"user\",\"content\":\"Tell me a story\"}]}", plain ? "false" : "true");
    request_len = (size_t)snprintf(request, sizeof request,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        "Authorization: Bearer sk-bench\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s", port, strlen(body), body);
    closes_file = open_memstream(&closes, &closes_len);
    ep = epoll_create1(0);
    alarm(120);  /* a server that hangs ends the run by SIGALRM */
    run();
    print_result();
    return 0;
}
