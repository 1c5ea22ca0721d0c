/* slow_disk: a library to preload, for a process whose disk is to be slow: fsync and fdatasync take at least 10 ms.
 *
 *   cc -shared -fPIC -o slow_disk slow_disk.c; LD_PRELOAD=./slow_disk PROGRAM
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DELAY = 10 * 1000 * 1000, SECOND = 1000 * 1000 * 1000 }; /* nanoseconds */

static int delayed(long call, int file)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += DELAY;
    if (end.tv_nsec >= SECOND) {
        end.tv_nsec -= SECOND;
        end.tv_sec++;
    }
    int result = syscall(call, file), error = errno;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
    errno = error;
    return result;
}

int fsync(int file)
{
    return delayed(SYS_fsync, file);
}

int fdatasync(int file)
{
    return delayed(SYS_fdatasync, file);
}
