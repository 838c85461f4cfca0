/* Loaded before libc (LD_PRELOAD): counts every call that changes a file below the given roots, over all processes of a
   run together, and at the N-th one kills the whole run, or lets the call fail; on demand it keeps a log of all of them.

   What is shared lies in one mapped file (struct control; control.py knows its layout). There is no lock in it that a
   killed process could hold. Calls go to the kernel directly, so nothing here depends on what libc calls what. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WATCH, KILL, FAIL };
enum { OPEN, WRITE, TRUNCATE, FSYNC, RENAME, LINK, SYMLINK, UNLINK, MKDIR, RMDIR, CHMOD, TIMES, OTHER };
enum { CREATED = 1, EMPTIED = 2, FOLDER = 4, ASIDE = 8, FAILED = 16, DATA = 32 };

struct control {
    _Atomic uint64_t count; /* calls so far */
    _Atomic uint64_t order; /* of what is in the log */
    _Atomic uint64_t hits;  /* how often something was done to a call */
    uint64_t target;
    uint32_t mode, error, lasting, kinds, logging, halved; /* halved: the first write that fails writes one half */
    char roots[4][512];
    char aside[2][512]; /* files that are logged, never counted: what was told to somebody */
    char log[512];
};

struct line {
    uint32_t length, kind;
    uint64_t order, begun, number, inode, offset, size;
    uint32_t pid, flags, path, other, data, error;
};

static struct control *shared;
static int log_file = -1;

static int attach(const char *name) {
    int file = syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0);
    if (file < 0)
        return -1;
    void *place = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (place == MAP_FAILED)
        return -1;
    struct control *found = place;
    if (found->logging) {
        int log = syscall(SYS_openat, AT_FDCWD, found->log, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
        if (log < 0)
            return -1;
        log_file = fcntl(log, F_DUPFD_CLOEXEC, 700); /* out of the way of what the program expects */
        syscall(SYS_close, log);
    }
    shared = found;
    return 0;
}

/* For a process that was forked without a new program. */
int crash_attach(const char *name) { return attach(name); }

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CRASH_CONTROL");
    if (name && *name)
        attach(name);
}

/* ------------------------------------------------------------------------------------------------ whose file it is */

static int below(const char *root, const char *path) {
    size_t length = strlen(root);
    return length && strncmp(root, path, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static int of_file(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static void whole(int folder, const char *name, char *path) {
    char here[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    long length = folder == AT_FDCWD ? syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/cwd", here, PATH_MAX - 1)
                                     : of_file(folder, here) ? (long)strlen(here) : -1;
    here[length < 0 ? 0 : length] = 0;
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    if (snprintf(path, PATH_MAX, "%s/%s", here, name) >= PATH_MAX)
        path[PATH_MAX - 1] = 0;
}

/* 0: none of ours; 1: counted; ASIDE: logged alone. */
static int ours(const char *path) {
    if (!shared)
        return 0;
    for (int n = 0; n < 2; n++)
        if (shared->aside[n][0] && strcmp(shared->aside[n], path) == 0)
            return ASIDE;
    for (int n = 0; n < 4; n++)
        if (below(shared->roots[n], path))
            return 1;
    return 0;
}

/* ------------------------------------------------------------------------------------------------ the gate */

struct call {
    int whose, failed;
    uint64_t number, begun;
};

static struct call gate(int whose, int kind) {
    struct call call = {whose, 0, 0, 0};
    call.begun = atomic_load(&shared->order);
    if (whose != 1)
        return call;
    call.number = atomic_fetch_add(&shared->count, 1) + 1;
    if (shared->mode == KILL && call.number >= shared->target) {
        atomic_fetch_add(&shared->hits, 1);
        syscall(SYS_kill, 0, SIGKILL); /* every run is a process group of its own */
        for (;;)
            pause();
    }
    if (shared->mode == FAIL && (shared->kinds & (1u << kind)) &&
        (call.number == shared->target || (shared->lasting && call.number > shared->target))) {
        atomic_fetch_add(&shared->hits, 1);
        call.failed = 1;
    }
    return call;
}

static void note(struct call call, int kind, const char *path, const char *other, uint64_t inode, uint64_t offset,
                 uint64_t size, uint32_t flags, const void *data, uint32_t length, int error) {
    if (!shared || !shared->logging || log_file < 0)
        return;
    struct line line = {0};
    line.kind = kind;
    line.order = atomic_fetch_add(&shared->order, 1) + 1;
    line.begun = call.begun;
    line.number = call.number;
    line.inode = inode;
    line.offset = offset;
    line.size = size;
    line.pid = getpid();
    line.flags = flags | (call.whose == ASIDE ? ASIDE : 0) | (error ? FAILED : 0);
    line.path = strlen(path);
    line.other = other ? strlen(other) : 0;
    line.data = length;
    line.error = error;
    line.length = sizeof line + line.path + line.other + line.data;
    struct iovec parts[4] = {{&line, sizeof line}, {(void *)path, line.path}, {(void *)other, line.other},
                             {(void *)data, line.data}};
    int before = errno;
    syscall(SYS_writev, log_file, parts, 4);
    errno = before;
}

static uint64_t inode_of(int file, int *folder) {
    struct stat state;
    if (fstat(file, &state) != 0)
        return 0;
    if (folder)
        *folder = S_ISDIR(state.st_mode);
    return state.st_ino;
}

static int refused(struct call call, int kind, const char *path, const char *other) {
    note(call, kind, path, other, 0, 0, 0, 0, NULL, 0, shared->error);
    errno = shared->error;
    return -1;
}

/* ------------------------------------------------------------------------------------------------ opening */

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    int whose = 0;
    if (shared && (flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE) {
        whole(folder, name, path);
        whose = ours(path);
    }
    if (!whose)
        return syscall(SYS_openat, folder, name, flags, mode);
    struct call call = gate(whose, OPEN);
    if (call.failed)
        return refused(call, OPEN, path, NULL);
    struct stat before;
    int there = fstatat(folder, name, &before, 0) == 0;
    int file = syscall(SYS_openat, folder, name, flags, mode);
    int error = file < 0 ? errno : 0;
    uint32_t what = file < 0 ? 0 : (there ? 0 : CREATED) | ((flags & O_TRUNC) && there ? EMPTIED : 0);
    struct stat after = {0};
    if (file >= 0)
        fstat(file, &after);
    note(call, OPEN, path, NULL, after.st_ino, 0, after.st_mode & 07777, what, NULL, 0, error);
    errno = error ? error : errno;
    return file;
}

#define MODE                                \
    mode_t mode = 0;                        \
    if (flags & (O_CREAT | O_TMPFILE)) {    \
        va_list more;                       \
        va_start(more, flags);              \
        mode = va_arg(more, mode_t);        \
        va_end(more);                       \
    }

int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE return opened(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) {
    MODE return opened(folder, name, flags | O_LARGEFILE, mode);
}
int creat(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return creat(name, mode); }

/* ------------------------------------------------------------------------------------------------ bytes */

static int of_ours(int file, char *path) {
    if (!shared || file < 0)
        return 0;
    if (!of_file(file, path) || path[0] != '/')
        return 0;
    return ours(path);
}

/* What lies in the file where something was just written, for calls that do not show their bytes. */
static void note_read(struct call call, const char *path, uint64_t inode, off_t offset, size_t size) {
    char *data = shared->logging ? malloc(size) : NULL;
    int file = data ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0) : -1;
    long got = file < 0 ? 0 : syscall(SYS_pread64, file, data, size, offset);
    note(call, WRITE, path, NULL, inode, offset, size, 0, data, got < 0 ? 0 : got, 0);
    if (file >= 0)
        syscall(SYS_close, file);
    free(data);
}

static ssize_t written(int file, const void *data, size_t size, off_t offset, int placed) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    if (!whose)
        return placed ? syscall(SYS_pwrite64, file, data, size, offset) : syscall(SYS_write, file, data, size);
    struct call call = gate(whose, WRITE);
    if (call.failed && shared->halved && call.number == shared->target && size > 1)
        size /= 2;
    else if (call.failed)
        return refused(call, WRITE, path, NULL);
    ssize_t done = placed ? syscall(SYS_pwrite64, file, data, size, offset) : syscall(SYS_write, file, data, size);
    int error = done < 0 ? errno : 0;
    if (!placed && done >= 0)
        offset = lseek(file, 0, SEEK_CUR) - done;
    note(call, WRITE, path, NULL, inode_of(file, NULL), offset, done < 0 ? 0 : done, 0, data, done < 0 ? 0 : done,
         error);
    errno = error ? error : errno;
    return done;
}

ssize_t write(int file, const void *data, size_t size) { return written(file, data, size, 0, 0); }
ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { return written(file, data, size, offset, 1); }
ssize_t pwrite64(int file, const void *data, size_t size, off_t offset) { return written(file, data, size, offset, 1); }

static ssize_t gathered(int file, const struct iovec *parts, int count, off_t offset, int placed) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    struct call call = {0};
    if (whose) {
        call = gate(whose, WRITE);
        if (call.failed)
            return refused(call, WRITE, path, NULL);
    }
    ssize_t done = placed ? syscall(SYS_pwritev, file, parts, count, (long)offset, 0L)
                          : syscall(SYS_writev, file, parts, count);
    if (whose && done > 0) {
        if (!placed)
            offset = lseek(file, 0, SEEK_CUR) - done;
        note_read(call, path, inode_of(file, NULL), offset, done);
    }
    return done;
}

ssize_t writev(int file, const struct iovec *parts, int count) { return gathered(file, parts, count, 0, 0); }
ssize_t pwritev(int file, const struct iovec *parts, int count, off_t at) { return gathered(file, parts, count, at, 1); }
ssize_t pwritev64(int file, const struct iovec *parts, int count, off_t at) {
    return gathered(file, parts, count, at, 1);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
    char path[PATH_MAX];
    int whose = of_ours(to, path);
    struct call call = {0};
    if (whose) {
        call = gate(whose, WRITE);
        if (call.failed)
            return refused(call, WRITE, path, NULL);
    }
    ssize_t done = syscall(SYS_sendfile, to, from, offset, size);
    if (whose && done >= 0)
        note_read(call, path, inode_of(to, NULL), lseek(to, 0, SEEK_CUR) - done, done);
    return done;
}
ssize_t sendfile64(int to, int from, off_t *offset, size_t size) { return sendfile(to, from, offset, size); }

ssize_t copy_file_range(int from, off_t *from_at, int to, off_t *to_at, size_t size, unsigned flags) {
    char path[PATH_MAX];
    int whose = of_ours(to, path);
    struct call call = {0};
    if (whose) {
        call = gate(whose, WRITE);
        if (call.failed)
            return refused(call, WRITE, path, NULL);
    }
    ssize_t done = syscall(SYS_copy_file_range, from, from_at, to, to_at, size, flags);
    if (whose && done >= 0)
        note_read(call, path, inode_of(to, NULL), (to_at ? *to_at : lseek(to, 0, SEEK_CUR)) - done, done);
    return done;
}

static int cut(int file, off_t size) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    if (!whose)
        return syscall(SYS_ftruncate, file, size);
    struct call call = gate(whose, TRUNCATE);
    if (call.failed)
        return refused(call, TRUNCATE, path, NULL);
    int done = syscall(SYS_ftruncate, file, size), error = done < 0 ? errno : 0;
    note(call, TRUNCATE, path, NULL, inode_of(file, NULL), 0, size, 0, NULL, 0, error);
    errno = error ? error : errno;
    return done;
}

int ftruncate(int file, off_t size) { return cut(file, size); }
int ftruncate64(int file, off_t size) { return cut(file, size); }
int truncate(const char *name, off_t size) {
    int file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CLOEXEC, 0);
    if (file < 0)
        return -1;
    int done = cut(file, size), error = errno;
    syscall(SYS_close, file);
    errno = error;
    return done;
}
int truncate64(const char *name, off_t size) { return truncate(name, size); }

int posix_fallocate(int file, off_t offset, off_t length) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    if (whose) {
        struct call call = gate(whose, WRITE);
        if (call.failed)
            return shared->error;
        note(call, OTHER, path, NULL, inode_of(file, NULL), offset, length, 0, NULL, 0, 0);
    }
    return syscall(SYS_fallocate, file, 0, offset, length) ? errno : 0;
}
int posix_fallocate64(int file, off_t offset, off_t length) { return posix_fallocate(file, offset, length); }

static int synced(int file, int data_only) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    if (!whose)
        return syscall(data_only ? SYS_fdatasync : SYS_fsync, file);
    struct call call = gate(whose, FSYNC);
    if (call.failed)
        return refused(call, FSYNC, path, NULL);
    int folder = 0;
    uint64_t inode = inode_of(file, &folder);
    int done = syscall(data_only ? SYS_fdatasync : SYS_fsync, file), error = done < 0 ? errno : 0;
    note(call, FSYNC, path, NULL, inode, 0, 0, (folder ? FOLDER : 0) | (data_only ? DATA : 0), NULL, 0, error);
    errno = error ? error : errno;
    return done;
}

int fsync(int file) { return synced(file, 0); }
int fdatasync(int file) { return synced(file, 1); }

/* ------------------------------------------------------------------------------------------------ names */

#define NAMED(kind, folder, name, action)                                         \
    char path[PATH_MAX];                                                          \
    int whose = 0;                                                                \
    if (shared) {                                                                 \
        whole(folder, name, path);                                                \
        whose = ours(path);                                                       \
    }                                                                             \
    struct call call = {0};                                                       \
    if (whose) {                                                                  \
        call = gate(whose, kind);                                                 \
        if (call.failed)                                                          \
            return refused(call, kind, path, NULL);                               \
    }                                                                             \
    int done = action, error = done < 0 ? errno : 0;                              \
    if (whose) {                                                                  \
        struct stat state;                                                        \
        int there = !error && fstatat(folder, name, &state, AT_SYMLINK_NOFOLLOW) == 0; \
        note(call, kind, path, NULL, there ? state.st_ino : 0, 0, there ? state.st_mode & 07777 : 0, 0, NULL, 0, error); \
        errno = error ? error : errno;                                            \
    }                                                                             \
    return done;

static int unlinked(int folder, const char *name, int flags) {
    int kind = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    NAMED(kind, folder, name, syscall(SYS_unlinkat, folder, name, flags))
}
int unlinkat(int folder, const char *name, int flags) { return unlinked(folder, name, flags); }
int unlink(const char *name) { return unlinked(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinked(AT_FDCWD, name, AT_REMOVEDIR); }
int remove(const char *name) {
    struct stat state;
    int folder = lstat(name, &state) == 0 && S_ISDIR(state.st_mode);
    return unlinked(AT_FDCWD, name, folder ? AT_REMOVEDIR : 0);
}

int mkdirat(int folder, const char *name, mode_t mode) {
    NAMED(MKDIR, folder, name, syscall(SYS_mkdirat, folder, name, mode))
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int fchmodat(int folder, const char *name, mode_t mode, int flags) {
    (void)flags;
    NAMED(CHMOD, folder, name, syscall(SYS_fchmodat, folder, name, mode))
}
int chmod(const char *name, mode_t mode) { return fchmodat(AT_FDCWD, name, mode, 0); }
int fchmod(int file, mode_t mode) {
    char path[PATH_MAX];
    int whose = of_ours(file, path);
    if (!whose)
        return syscall(SYS_fchmod, file, mode);
    struct call call = gate(whose, CHMOD);
    if (call.failed)
        return refused(call, CHMOD, path, NULL);
    int done = syscall(SYS_fchmod, file, mode), error = done < 0 ? errno : 0;
    note(call, CHMOD, path, NULL, inode_of(file, NULL), 0, mode, 0, NULL, 0, error);
    errno = error ? error : errno;
    return done;
}

int utimensat(int folder, const char *name, const struct timespec times[2], int flags) {
    NAMED(TIMES, folder, name, syscall(SYS_utimensat, folder, name, times, flags))
}

static int moved(int folder, const char *name, int folder_to, const char *to, unsigned flags) {
    char path[PATH_MAX], other[PATH_MAX];
    int whose = 0;
    if (shared) {
        whole(folder, name, path);
        whole(folder_to, to, other);
        whose = ours(path) == 1 || ours(other) == 1;
    }
    struct call call = {0};
    if (whose) {
        call = gate(1, RENAME);
        if (call.failed)
            return refused(call, RENAME, path, other);
    }
    int done = syscall(SYS_renameat2, folder, name, folder_to, to, flags), error = done < 0 ? errno : 0;
    if (whose) {
        struct stat state;
        int there = !error && fstatat(folder_to, to, &state, AT_SYMLINK_NOFOLLOW) == 0;
        note(call, RENAME, path, other, there ? state.st_ino : 0, flags, 0, there && S_ISDIR(state.st_mode) ? FOLDER : 0,
             NULL, 0, error);
        errno = error ? error : errno;
    }
    return done;
}
int rename(const char *name, const char *to) { return moved(AT_FDCWD, name, AT_FDCWD, to, 0); }
int renameat(int folder, const char *name, int folder_to, const char *to) {
    return moved(folder, name, folder_to, to, 0);
}
int renameat2(int folder, const char *name, int folder_to, const char *to, unsigned flags) {
    return moved(folder, name, folder_to, to, flags);
}

int linkat(int folder, const char *name, int folder_to, const char *to, int flags) {
    char path[PATH_MAX], other[PATH_MAX];
    int whose = 0;
    if (shared) {
        whole(folder, name, path);
        whole(folder_to, to, other);
        whose = ours(other) == 1;
    }
    struct call call = {0};
    if (whose) {
        call = gate(1, LINK);
        if (call.failed)
            return refused(call, LINK, path, other);
    }
    int done = syscall(SYS_linkat, folder, name, folder_to, to, flags), error = done < 0 ? errno : 0;
    if (whose) {
        struct stat state;
        int there = !error && fstatat(folder_to, to, &state, AT_SYMLINK_NOFOLLOW) == 0;
        note(call, LINK, path, other, there ? state.st_ino : 0, 0, 0, 0, NULL, 0, error);
        errno = error ? error : errno;
    }
    return done;
}
int link(const char *name, const char *to) { return linkat(AT_FDCWD, name, AT_FDCWD, to, 0); }

int symlinkat(const char *what, int folder, const char *name) {
    NAMED(SYMLINK, folder, name, syscall(SYS_symlinkat, what, folder, name))
}
int symlink(const char *what, const char *name) { return symlinkat(what, AT_FDCWD, name); }
