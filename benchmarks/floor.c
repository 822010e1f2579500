/* The floor: what one thread of C with epoll needs to pace the same bytes.
 *
 *   floor --tokens N --rate R --ttft S --single 0
 *
 * R 0: as fast as the kernel takes it, 16 KB per send, or with --single 1 an event per send.
 *
 * Every stream sends the same pre-framed answer; due times lie on a wheel of 0.5 ms slots, and a
 * timerfd sleeps until the next slot in use. It reads no more of a request than its length and
 * whether it says `"stream":true`.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SLOT 500000LL                       /* ns */
#define SLOTS 8192                          /* 4 s: longer than any ttft or gap here */
#define BATCH 16384

struct conn {
    int fd, next, waiting;                  /* next frame; 1: on the wheel */
    size_t sent, len;                       /* of the answer; of the request so far */
    int64_t asked;
    struct conn *link;
    char in[2048];
};

static double rate = 50, ttft = 0.2;
static int tokens = 200, single, ep, timer;
static char *answer, plain[8192];
static size_t *ends, plain_len;             /* ends[i]: where frame i ends; frame 0 is the head */
static struct conn *wheel[SLOTS];
static int64_t slot_done, armed_for;
static long waiting;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static char *frame(char *to, const char *delta, const char *finish) {
    char event[512];
    int n = snprintf(event, sizeof event,
        "data: {\"id\":\"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012\",\"object\":\"chat.completion.chunk\","
        "\"created\":1764000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","
        "\"system_fingerprint\":\"fp_0123456789\",\"choices\":[{\"index\":0,\"delta\":{%s},"
        "\"logprobs\":null,\"finish_reason\":%s}],\"obfuscation\":\"AbCdEfGh\"}\n\n", delta, finish);
    return to + sprintf(to, "%x\r\n%s\r\n", n, event);
}

static void build(void) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "x-request-id: req_0123456789abcdef0123456789abcdef\r\nTransfer-Encoding: chunked\r\n\r\n";
    char *at, body[4096], *b = body;
    answer = malloc(600 * (size_t)(tokens + 4));
    ends = malloc(sizeof *ends * (size_t)(tokens + 1));
    at = stpcpy(answer, head);
    ends[0] = (size_t)(at - answer);
    for (int i = 1; i <= tokens; i++) {
        char delta[64];
        if (i == 1) at = frame(at, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null");
        snprintf(delta, sizeof delta, "\"content\":\" tok%03d\"", i % 1000);
        at = frame(at, delta, "null");
        if (i == tokens) {
            at = frame(at, "", "\"stop\"");
            at = stpcpy(at, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
        }
        ends[i] = (size_t)(at - answer);
    }
    b = stpcpy(b, "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1764000000,\"model\":"
        "\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
    for (int i = 0; i < tokens && i < 500; i++) b = stpcpy(b, " token");
    b = stpcpy(b, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":200}}");
    plain_len = (size_t)snprintf(plain, sizeof plain, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s", (size_t)(b - body), body);
}

static void drop(struct conn *c) {          /* on the wheel it is freed when its slot comes */
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (!c->waiting) free(c);
}

static void arm(void) {
    struct itimerspec at = {0};
    int64_t slot = slot_done + 1;
    if (waiting) {
        while (!wheel[slot % SLOTS]) slot++;
        if (slot == armed_for) return;
        at.it_value.tv_sec = slot * SLOT / 1000000000LL;
        at.it_value.tv_nsec = slot * SLOT % 1000000000LL;
    }
    armed_for = waiting ? slot : 0;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void wait_turn(struct conn *c) {
    int64_t due = c->asked + (int64_t)((ttft + (c->next - 1) / rate) * 1e9);
    int64_t slot = due / SLOT + 1;
    if (slot <= slot_done) slot = slot_done + 1;
    c->link = wheel[slot % SLOTS];
    wheel[slot % SLOTS] = c;
    c->waiting = 1;
    waiting++;
}

static int send_to(struct conn *c, size_t end) {  /* 0: all of it; 1: the kernel is full; -1: gone */
    while (c->sent < end) {
        size_t n = end - c->sent < BATCH ? end - c->sent : BATCH;
        ssize_t sent = send(c->fd, answer + c->sent, n, MSG_NOSIGNAL);
        if (sent < 0) return errno == EAGAIN ? 1 : -1;
        c->sent += (size_t)sent;
    }
    return 0;
}

static void pump(struct conn *c) {          /* unpaced: the rest of the answer */
    struct epoll_event e = {.data.ptr = c};
    int full = 0;
    if (single)
        for (int i = 0; i <= tokens && !full; i++) full = send_to(c, ends[i]);
    else
        full = send_to(c, ends[tokens]);
    if (full < 0) { drop(c); return; }
    e.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN;
    if (full || c->next) epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->next = full;
}

static void on_timer(void) {
    int64_t slot_now = now_ns() / SLOT;
    while (slot_done < slot_now && waiting) {
        struct conn *c = wheel[++slot_done % SLOTS], *link;
        wheel[slot_done % SLOTS] = NULL;
        for (; c; c = link) {
            link = c->link;
            c->waiting = 0;
            waiting--;
            if (c->fd < 0 || send_to(c, ends[c->next])) drop(c);
            else if (++c->next <= tokens) wait_turn(c);
        }
    }
    if (!waiting) slot_done = slot_now;
}

static void on_request(struct conn *c) {
    char *body = strstr(c->in, "\r\n\r\n"), *length = strcasestr(c->in, "\r\ncontent-length:");
    if (!body || !length || (size_t)(c->in + c->len - body - 4) < strtoul(length + 17, NULL, 10)) return;
    c->len = 0;
    if (!strstr(body, "\"stream\":true")) {
        if (send(c->fd, plain, plain_len, MSG_NOSIGNAL) != (ssize_t)plain_len) drop(c);
        return;
    }
    c->sent = 0; c->next = 0;
    if (rate <= 0) { pump(c); return; }
    c->asked = now_ns();
    if (send_to(c, ends[0])) { drop(c); return; }
    c->next = 1;
    if (!waiting) slot_done = c->asked / SLOT;
    wait_turn(c);
}

static void on_ready(struct conn *c, uint32_t what) {
    ssize_t n;
    if (what & EPOLLOUT) { pump(c); return; }
    n = recv(c->fd, c->in + c->len, sizeof c->in - 1 - c->len, 0);
    if (n <= 0) { drop(c); return; }
    c->in[c->len += (size_t)n] = 0;
    on_request(c);
}

static void accept_all(int listener) {
    for (int fd, one = 1; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct conn *c = calloc(1, sizeof *c);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        c->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

static int listen_on_any_port(void) {
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof me;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&me, len) || listen(fd, 4096)
        || getsockname(fd, (struct sockaddr *)&me, &len)) { perror("floor"); exit(1); }
    printf("floor ready http://127.0.0.1:%d/v1\n", ntohs(me.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    static int is_listener, is_timer;       /* their addresses tell them from a conn */
    struct epoll_event ready[256], e = {.events = EPOLLIN};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--tokens")) tokens = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--rate")) rate = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--ttft")) ttft = atof(argv[i + 1]);
        else if (!strcmp(argv[i], "--single")) single = atoi(argv[i + 1]);
        else { fprintf(stderr, "floor: unknown option %s\n", argv[i]); return 2; }
    }
    build();
    ep = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    e.data.ptr = &is_timer;
    epoll_ctl(ep, EPOLL_CTL_ADD, timer, &e);
    int listener = listen_on_any_port();
    e.data.ptr = &is_listener;
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ready, 256, -1), fired = 0;
        for (int i = 0; i < n; i++) {
            void *who = ready[i].data.ptr;
            if (who == &is_timer) fired = 1;
            else if (who == &is_listener) accept_all(listener);
            else on_ready(who, ready[i].events);
        }
        if (fired) {                        /* last: it may free what this batch still names */
            uint64_t times;
            if (read(timer, &times, sizeof times) > 0) armed_for = 0;
            on_timer();
        }
        arm();
    }
}
