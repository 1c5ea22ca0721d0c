/* Preloaded into the process that writes: a disk that keeps nothing as long as the file HELD exists. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_when_let(const char *name, int descriptor) {
    const char *held = getenv("HELD");
    while (held && access(held, F_OK) == 0)
        usleep(1000);
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(descriptor);
}

int fsync(int descriptor) { return sync_when_let("fsync", descriptor); }
int fdatasync(int descriptor) { return sync_when_let("fdatasync", descriptor); }
