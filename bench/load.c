/* load: clients and workers in one thread that keep a Gearman job server busy.
 *
 *   load SCENARIO NAME=NUMBER...
 *
 *   echo    clients have an ECHO_REQ answered
 *   submit  clients queue background jobs
 *   work    workers do jobs that are queued already
 *   both    clients queue background jobs and workers do them
 *   call    clients submit foreground jobs, and workers answer them
 *
 *   port        of the server on 127.0.0.1; given again: of another, and connections take turns on them
 *   process     whose use of processors is measured; given again: another, whose use is added
 *   jobs        to be done (echoes to be answered) until the program ends
 *   clients     connections that submit
 *   window      requests that each client has under way
 *   workers     connections that work, one job at a time, asleep while there is none
 *   idle        connections that do nothing at all
 *   payload     bytes of a workload
 *   unique      1: each job has a unique of its own; else it is empty
 *   function    number of the function: loads with different ones have nothing to do with each other's jobs
 *
 * Connections and workers are ready before the clock starts, and the server has heard of the last result before it
 * stops. What comes out is an empty line when all have begun, and one of JSON at the end; latencies (seconds) are from a
 * request to its answer, in the order of the answers. An ERROR packet, a failed job or a lost connection ends the
 * program with status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum command {
    CAN_DO = 1, PRE_SLEEP = 4, NOOP = 6, SUBMIT_JOB = 7, JOB_CREATED = 8, GRAB_JOB = 9, NO_JOB = 10, JOB_ASSIGN = 11,
    WORK_COMPLETE = 13, WORK_FAIL = 14, ECHO_REQ = 16, ECHO_RES = 17, SUBMIT_JOB_BG = 18, ERROR = 19,
};

enum { HEADER = 12, CHUNK = 1 << 18, EVENTS = 1024, LONGEST_PAYLOAD = 1 << 16, MOST = 32 };

#define RESULT "done"

struct scenario {
    const char *name;
    enum command request; /* what clients send; 0 where there are none */
    enum command answer;  /* what a client waits for before it sends the next */
    bool works;           /* workers take part */
};

static const struct scenario scenarios[] = {
    {"echo", ECHO_REQ, ECHO_RES, false},
    {"submit", SUBMIT_JOB_BG, JOB_CREATED, false},
    {"work", 0, 0, true},
    {"both", SUBMIT_JOB_BG, JOB_CREATED, true},
    {"call", SUBMIT_JOB, WORK_COMPLETE, true},
};

struct bytes {
    char *start;
    size_t length, capacity;
};

enum role { CLIENT, WORKER, IDLE };

struct link {
    int socket;
    enum role role;
    bool blocked;       /* the socket took only a part of what is in out */
    struct bytes in;    /* the beginning of a packet that is not whole yet */
    struct bytes out;   /* what is to be written */
    double *sent;       /* when the requests under way were made: a ring of window places */
    long first, next;   /* of that ring */
};

static struct list {
    long numbers[MOST];
    int count;
} ports, processes;

static struct {
    long jobs, clients, window, workers, idle, payload, unique, function;
} want = {.jobs = 10000, .window = 1, .payload = 32};

static const struct scenario *scenario;
static char function[32] = "bench";
static size_t function_length;
static struct link *links;
static long link_count;
static int poller;
static double now;           /* read once for each chunk that comes in */
static long requested;       /* by clients */
static long answered;        /* to clients */
static long grabbing;        /* GRAB_JOB under way */
static long worked;          /* jobs that workers have ended */
static long greetings;       /* of all links, see greet() */
static long blocked_links;
static float *latencies;
static bool timing;          /* the scenario runs: not before everybody is ready, nor after the last job */

static void fail(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s: %s\n", what, detail);
    exit(1);
}

static double clock_seconds(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        fail("clock", strerror(errno));
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double process_cpu(long process)
{
    clockid_t clock;
    if (clock_getcpuclockid(process, &clock) != 0)
        fail("process", "there is none with this number");
    return clock_seconds(clock);
}

static double server_cpu(void)
{
    double cpu = 0;
    for (int i = 0; i < processes.count; i++)
        cpu += process_cpu(processes.numbers[i]);
    return cpu;
}

/* Bytes and packets */

static void append(struct bytes *to, const void *from, size_t length)
{
    if (to->length + length > to->capacity) {
        to->capacity = 2 * (to->length + length);
        to->start = realloc(to->start, to->capacity);
        if (to->start == NULL)
            fail("memory", strerror(errno));
    }
    memcpy(to->start + to->length, from, length);
    to->length += length;
}

static uint32_t read_number(const char *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return ntohl(number);
}

static void append_header(struct link *link, enum command command, size_t length)
{
    uint32_t numbers[] = {htonl(command), htonl(length)};
    append(&link->out, "\0REQ", 4);
    append(&link->out, numbers, sizeof numbers);
}

static void append_packet(struct link *link, enum command command, const char *payload, size_t length)
{
    append_header(link, command, length);
    append(&link->out, payload, length);
}

static void write_out(struct link *link)
{
    size_t written = 0;
    while (written < link->out.length) {
        ssize_t count = send(link->socket, link->out.start + written, link->out.length - written, MSG_NOSIGNAL);
        if (count < 0 && errno != EAGAIN)
            fail("send", strerror(errno));
        if (count < 0)
            break;
        written += count;
    }
    link->out.length -= written;
    memmove(link->out.start, link->out.start + written, link->out.length);
    bool blocked = link->out.length > 0;
    if (blocked == link->blocked)
        return;
    link->blocked = blocked;
    blocked_links += blocked ? 1 : -1;
    struct epoll_event event = {.events = blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = link};
    epoll_ctl(poller, EPOLL_CTL_MOD, link->socket, &event);
}

/* What clients and workers say */

static void make_request(struct link *client)
{
    static const char workload[LONGEST_PAYLOAD]; /* zeros do as well as anything */
    char unique[32];
    int length = want.unique ? sprintf(unique, "%d-%ld", client->socket, requested) : 0;
    size_t before = function_length + 1 + length + 1; /* each with its NUL */
    if (scenario->request == ECHO_REQ) {
        append_packet(client, ECHO_REQ, workload, want.payload);
    } else {
        append_header(client, scenario->request, before + want.payload);
        append(&client->out, function, function_length + 1);
        append(&client->out, unique, length);
        append(&client->out, "", 1);
        append(&client->out, workload, want.payload);
    }
    client->sent[client->next++ % want.window] = now;
    requested++;
}

static void take_answer(struct link *client)
{
    latencies[answered++] = now - client->sent[client->first++ % want.window];
    if (requested < want.jobs)
        make_request(client);
}

static void grab(struct link *worker)
{
    if (!scenario->request && worked + grabbing >= want.jobs)
        return; /* the others do the rest: what is queued beyond that stays where it is */
    append_header(worker, GRAB_JOB, 0);
    grabbing++;
}

static void do_job(struct link *worker, const char *payload, size_t length)
{
    size_t handle = strnlen(payload, length);
    append_header(worker, WORK_COMPLETE, handle + sizeof RESULT);
    append(&worker->out, payload, handle);
    append(&worker->out, "", 1);
    append(&worker->out, RESULT, strlen(RESULT));
    grabbing--;
    worked++;
    grab(worker);
}

static void sleep_now(struct link *worker)
{
    grabbing--;
    append_header(worker, PRE_SLEEP, 0);
}

/* What they hear */

static void take_packet(struct link *link, enum command command, const char *payload, size_t length)
{
    if (command == ERROR || command == WORK_FAIL)
        fail("the server sent", command == ERROR ? "ERROR" : "WORK_FAIL");
    else if (!timing && command == ECHO_RES)
        greetings++;
    else if (link->role == CLIENT && command == scenario->answer)
        take_answer(link);
    else if (command == NOOP)
        grab(link);
    else if (command == NO_JOB)
        sleep_now(link);
    else if (command == JOB_ASSIGN)
        do_job(link, payload, length);
}

static size_t take_packets(struct link *link, const char *bytes, size_t length)
{
    size_t used = 0;
    while (length - used >= HEADER) {
        size_t size = HEADER + read_number(bytes + used + 8);
        if (length - used < size)
            break;
        take_packet(link, read_number(bytes + used + 4), bytes + used + HEADER, size - HEADER);
        used += size;
    }
    return used;
}

static void read_in(struct link *link)
{
    static char chunk[CHUNK];
    ssize_t count = recv(link->socket, chunk, sizeof chunk, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        fail("the server", "closed a connection");
    now = clock_seconds(CLOCK_MONOTONIC);
    if (link->in.length == 0) {
        size_t used = take_packets(link, chunk, count);
        append(&link->in, chunk + used, count - used);
    } else {
        append(&link->in, chunk, count);
        size_t used = take_packets(link, link->in.start, link->in.length);
        link->in.length -= used;
        memmove(link->in.start, link->in.start + used, link->in.length);
    }
    if (link->out.length > 0)
        write_out(link);
}

static void take_events(void)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & ~EPOLLOUT)
            read_in(link);
        else
            write_out(link);
    }
}

/* The run */

static void open_link(struct link *link, enum role role, long port)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    link->role = role;
    link->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (link->socket < 0 || connect(link->socket, (struct sockaddr *)&server, sizeof server) != 0)
        fail("connect", strerror(errno));
    setsockopt(link->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int nonblocking = 1;
    if (ioctl(link->socket, FIONBIO, &nonblocking) != 0)
        fail("ioctl", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    epoll_ctl(poller, EPOLL_CTL_ADD, link->socket, &event);
    if (role == CLIENT)
        link->sent = calloc(want.window, sizeof *link->sent);
    if (role == WORKER)
        append_packet(link, CAN_DO, function, function_length);
    if (role == WORKER && scenario->request)
        append_header(link, PRE_SLEEP, 0); /* there is no job yet */
}

static void open_links(void)
{
    long clients = scenario->request ? want.clients : 0;
    long workers = scenario->works ? want.workers : 0;
    link_count = clients + workers + want.idle;
    links = calloc(link_count, sizeof *links);
    latencies = calloc(want.jobs, sizeof *latencies);
    poller = epoll_create1(0);
    for (long i = 0; i < link_count; i++)
        open_link(&links[i], i < clients ? CLIENT : i < clients + workers ? WORKER : IDLE,
                  ports.numbers[i % ports.count]);
}

/* Whatever was sent before, on any link, the server has dealt with when this returns. */
static void greet(void)
{
    timing = false;
    greetings = 0;
    for (long i = 0; i < link_count; i++) {
        append_packet(&links[i], ECHO_REQ, "here", 4);
        write_out(&links[i]);
    }
    while (greetings < link_count)
        take_events();
}

static bool is_over(void)
{
    bool all_answered = !scenario->request || answered == want.jobs;
    bool all_worked = scenario->answer == WORK_COMPLETE || !scenario->works || worked >= want.jobs;
    return all_answered && all_worked && blocked_links == 0;
}

static void run(void)
{
    timing = true;
    now = clock_seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < link_count; i++) {
        if (links[i].role == WORKER && !scenario->request)
            grab(&links[i]);
        for (long place = 0; links[i].role == CLIENT && place < want.window && requested < want.jobs; place++)
            make_request(&links[i]);
        write_out(&links[i]);
    }
    putchar('\n');
    fflush(stdout);
    while (!is_over())
        take_events();
}

/* Only workers can still have something under way that the clock must wait for. */
static void settle(void)
{
    if (scenario->works && scenario->answer != WORK_COMPLETE)
        greet();
}

static int compare(const void *left, const void *right)
{
    float difference = *(const float *)left - *(const float *)right;
    return (difference > 0) - (difference < 0);
}

static void print_outcome(double seconds, double cpu)
{
    printf("{\"jobs\": %ld, \"seconds\": %.6f, \"cpu\": %.6f", want.jobs, seconds, cpu);
    if (answered > 0) {
        qsort(latencies, answered, sizeof *latencies, compare);
        printf(", \"p50\": %.9f, \"p99\": %.9f", latencies[answered / 2], latencies[answered * 99 / 100]);
    }
    printf("}\n");
}

static long *place_in(struct list *list)
{
    if (list->count == MOST)
        fail("arguments", "too many ports or processes");
    return &list->numbers[list->count++];
}

/* Where the number of an argument goes. */
static long *place_of(const char *name, size_t length)
{
    const struct { const char *name; long *number; } known[] = {
        {"jobs", &want.jobs}, {"clients", &want.clients}, {"window", &want.window}, {"workers", &want.workers},
        {"idle", &want.idle}, {"payload", &want.payload}, {"unique", &want.unique}, {"function", &want.function},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i].name) == length && strncmp(name, known[i].name, length) == 0)
            return known[i].number;
    if (length == 4 && strncmp(name, "port", length) == 0)
        return place_in(&ports);
    if (length == 7 && strncmp(name, "process", length) == 0)
        return place_in(&processes);
    fail("unknown argument", name);
    return NULL;
}

static void read_arguments(int count, char **arguments)
{
    for (size_t i = 0; count > 1 && i < sizeof scenarios / sizeof *scenarios; i++)
        if (strcmp(arguments[1], scenarios[i].name) == 0)
            scenario = &scenarios[i];
    if (scenario == NULL)
        fail("usage", "load SCENARIO NAME=NUMBER..., as the head of load.c says");
    for (int i = 2; i < count; i++) {
        size_t length = strcspn(arguments[i], "=");
        if (arguments[i][length] == '\0')
            fail("without a number", arguments[i]);
        *place_of(arguments[i], length) = atol(arguments[i] + length + 1);
    }
    if (want.payload > LONGEST_PAYLOAD)
        fail("payload", "too long");
    if (ports.count == 0)
        fail("usage", "a port is wanted");
    if (want.function)
        sprintf(function, "bench-%ld", want.function);
    function_length = strlen(function);
}

static void allow_many_links(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments)
{
    read_arguments(count, arguments);
    allow_many_links();
    open_links();
    greet();
    double began = clock_seconds(CLOCK_MONOTONIC), cpu = server_cpu();
    run();
    settle();
    print_outcome(clock_seconds(CLOCK_MONOTONIC) - began, server_cpu() - cpu);
    return 0;
}
