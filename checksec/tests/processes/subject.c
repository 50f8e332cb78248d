/* A process that does what its first argument says, says that it has done it, and waits to be judged. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SIZE = 1 << 20 };

static void need(int holds, const char *what) {
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static void *map(int protection, int flags, int fd) {
    void *at = mmap(NULL, SIZE, protection, flags, fd, 0);
    need(at != MAP_FAILED, "mmap");
    return at;
}

static void *waits(void *unused) {
    pause();
    return unused;
}

static void *runs(void *started) {
    *(volatile int *)started = 1;
    for (;;) {
        __asm__ volatile("");
    }
}

static void start(void *(*what)(void *), void *argument, void *stack) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    if (stack) {
        need(pthread_attr_setstack(&attributes, stack, SIZE) == 0, "pthread_attr_setstack");
    }
    need(pthread_create(&thread, &attributes, what, argument) == 0, "pthread_create");
}

static int open_relro(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size, (void)unused;
    for (int at = 0; at < info->dlpi_phnum; at++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[at];
        if (header->p_type == PT_GNU_RELRO) {
            unsigned long page = sysconf(_SC_PAGESIZE), start = info->dlpi_addr + header->p_vaddr;
            unsigned long end = (start + header->p_memsz) & -page;
            need(mprotect((void *)(start & -page), page, PROT_READ | PROT_WRITE) == 0 && end > start, "mprotect");
        }
    }
    return 1; /* The first one is the program itself. */
}

static void confine(void) {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &all};
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
    need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "seccomp");
}

int main(int count, char **arguments) {
    const char *mode = count > 1 ? arguments[1] : "waits";
    const int both = PROT_READ | PROT_WRITE | PROT_EXEC, own = MAP_PRIVATE | MAP_ANONYMOUS;
    static int started;
    if (!strcmp(mode, "wx")) {
        map(both, own, -1);
    } else if (!strcmp(mode, "thread")) {
        start(waits, NULL, NULL);
        map(both, own, -1);
    } else if (!strcmp(mode, "thread-on-wx")) {
        start(waits, NULL, map(both, own, -1));
    } else if (!strcmp(mode, "thread-runs")) {
        map(both, own, -1);
        start(runs, &started, NULL);
        while (!*(volatile int *)&started) {
            usleep(1000);
        }
    } else if (!strcmp(mode, "twice")) {
        int fd = memfd_create("code", 0);
        need(fd >= 0 && ftruncate(fd, SIZE) == 0, "memfd_create");
        map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
        map(PROT_READ | PROT_EXEC, MAP_SHARED, fd);
    } else if (!strcmp(mode, "twice-private")) {
        int fd = memfd_create("code", 0);
        need(fd >= 0 && ftruncate(fd, SIZE) == 0, "memfd_create");
        map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
        map(PROT_READ | PROT_EXEC, MAP_PRIVATE, fd);
    } else if (!strcmp(mode, "generated")) {
        need(mprotect(map(PROT_READ | PROT_WRITE, own, -1), SIZE, PROT_READ | PROT_EXEC) == 0, "mprotect");
    } else if (!strcmp(mode, "shared")) {
        map(PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1);
    } else if (!strcmp(mode, "device")) {
        map(PROT_READ | PROT_EXEC, MAP_PRIVATE, open("/dev/zero", O_RDONLY));
    } else if (!strcmp(mode, "no-relro")) {
        dl_iterate_phdr(open_relro, NULL);
    } else if (!strcmp(mode, "confined")) {
        confine();
    } else if (!strcmp(mode, "named")) {
        prctl(PR_SET_NAME, "a\n\033[31m\\b");
    } else if (strcmp(mode, "waits")) {
        return 2;
    }
    puts("ready");
    fflush(stdout);
    pause();
}
