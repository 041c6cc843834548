/* Breaks chosen file operations of the process that it is preloaded into (LD_PRELOAD).
 *
 * FAULT_PREFIX  operations on paths with this prefix are counted; if unset, nothing is done
 * FAULT_CALL    the kind that counts, such as "fsync", or "*" for all but reads and queries
 * FAULT_NTH     the number of the operation that gets the fault, from 1; 0 for none
 * FAULT_ROW     how many consecutive operations get it (default 1)
 * FAULT_HOW     an errno; "short": half is written; "before" or "after": SIGKILL to the group
 * FAULT_LOG     a file to which a line (kind and path) is appended for every counted operation
 *
 * The settings are read at each call: a forked process may set its own.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define LONGEST 4096

enum how { PASS = 0, FAIL, SHORT, KILL_AFTER };

static atomic_long counted;

static int is_kind(const char *kind) {
    const char *call = getenv("FAULT_CALL");
    if (!call)
        return 0;
    if (strcmp(call, "*") == 0)
        return strcmp(kind, "read") && strcmp(kind, "stat") && strcmp(kind, "list");
    return strcmp(call, kind) == 0;
}

static void note(const char *kind, const char *path) {
    const char *log = getenv("FAULT_LOG");
    char line[LONGEST + 64];
    if (!log)
        return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    int length = snprintf(line, sizeof line, "%s %s\n", kind, path);
    if (fd >= 0 && length > 0)
        syscall(SYS_write, fd, line, (size_t)length);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* What happens to an operation of a kind on a path. */
static enum how judge(const char *kind, const char *path) {
    const char *prefix = getenv("FAULT_PREFIX");
    const char *nth = getenv("FAULT_NTH"), *row = getenv("FAULT_ROW"), *how = getenv("FAULT_HOW");
    if (!prefix || strncmp(path, prefix, strlen(prefix)) || !is_kind(kind))
        return PASS;
    note(kind, path);
    long at = atomic_fetch_add(&counted, 1) + 1, first = nth ? atol(nth) : 0;
    if (!first || at < first || at >= first + (row ? atol(row) : 1) || !how)
        return PASS;
    if (strcmp(how, "short") == 0)
        return SHORT;
    if (strcmp(how, "before") == 0)
        kill(0, SIGKILL);
    if (strcmp(how, "after") == 0)
        return KILL_AFTER;
    errno = atoi(how);
    return FAIL;
}

static enum how judge_fd(const char *kind, int fd) {
    char name[64], path[LONGEST];
    if (!getenv("FAULT_PREFIX") || !is_kind(kind))
        return PASS;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(name, path, sizeof path - 1);
    if (length <= 0)
        return PASS;
    path[length] = 0;
    return judge(kind, path);
}

static enum how judge_at(const char *kind, int folder, const char *path) {
    char name[64], whole[2 * LONGEST];
    if (!getenv("FAULT_PREFIX") || !is_kind(kind))
        return PASS;
    if (folder == AT_FDCWD || path[0] == '/')
        return judge(kind, path);
    snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(name, whole, LONGEST);
    if (length <= 0)
        return PASS;
    snprintf(whole + length, LONGEST, "/%s", path);
    return judge(kind, whole);
}

#define REAL(name, type, ...)                                                                      \
    static type (*real)(__VA_ARGS__);                                                              \
    if (!real)                                                                                     \
    real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define END(how, result, call)                                                                     \
    if (how == FAIL)                                                                               \
        return result;                                                                             \
    if (how == KILL_AFTER) {                                                                       \
        (void)!call;                                                                               \
        kill(0, SIGKILL);                                                                          \
    }                                                                                              \
    return call

static const char *opening(int flags) { return flags & (O_WRONLY | O_RDWR) ? "open" : "openread"; }

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        REAL(name, int, const char *, int, ...);                                                   \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
        va_end(rest);                                                                              \
        enum how how = judge(opening(flags), path);                                                \
        END(how, -1, real(path, flags, mode));                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int folder, const char *path, int flags, ...) {                                       \
        REAL(name, int, int, const char *, int, ...);                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                    \
        va_end(rest);                                                                              \
        enum how how = judge_at(opening(flags), folder, path);                                     \
        END(how, -1, real(folder, path, flags, mode));                                             \
    }
OPENAT(openat)
OPENAT(openat64)

#define ON_FD(name, type, kind, failed, parameters, arguments)                                     \
    type name parameters {                                                                         \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        enum how how = judge_fd(kind, fd);                                                         \
        END(how, failed, real arguments);                                                          \
    }

ssize_t write(int fd, const void *data, size_t count) {
    REAL(write, ssize_t, int, const void *, size_t);
    enum how how = judge_fd("write", fd);
    if (how == SHORT)
        return real(fd, data, count > 1 ? count / 2 : count);
    END(how, -1, real(fd, data, count));
}

#define PWRITE(name, offset_type)                                                                  \
    ssize_t name(int fd, const void *data, size_t count, offset_type at) {                         \
        REAL(name, ssize_t, int, const void *, size_t, offset_type);                               \
        enum how how = judge_fd("write", fd);                                                      \
        if (how == SHORT)                                                                          \
            return real(fd, data, count > 1 ? count / 2 : count, at);                              \
        END(how, -1, real(fd, data, count, at));                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev, ssize_t, int, const struct iovec *, int);
    enum how how = judge_fd("write", fd);
    if (how == SHORT)
        return real(fd, parts, count > 1 ? count / 2 : count);
    END(how, -1, real(fd, parts, count));
}

ON_FD(fsync, int, "fsync", -1, (int fd), (fd))
ON_FD(fdatasync, int, "fsync", -1, (int fd), (fd))
ON_FD(ftruncate, int, "truncate", -1, (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, int, "truncate", -1, (int fd, off64_t size), (fd, size))
ON_FD(fallocate, int, "fallocate", -1, (int fd, int mode, off_t at, off_t size),
      (fd, mode, at, size))
ON_FD(fallocate64, int, "fallocate", -1, (int fd, int mode, off64_t at, off64_t size),
      (fd, mode, at, size))
ON_FD(posix_fallocate, int, "fallocate", errno, (int fd, off_t at, off_t size), (fd, at, size))
ON_FD(posix_fallocate64, int, "fallocate", errno, (int fd, off64_t at, off64_t size),
      (fd, at, size))
ON_FD(read, ssize_t, "read", -1, (int fd, void *data, size_t count), (fd, data, count))
ON_FD(pread, ssize_t, "read", -1, (int fd, void *data, size_t count, off_t at),
      (fd, data, count, at))
ON_FD(pread64, ssize_t, "read", -1, (int fd, void *data, size_t count, off64_t at),
      (fd, data, count, at))
ON_FD(fstat, int, "stat", -1, (int fd, struct stat *told), (fd, told))
ON_FD(fstat64, int, "stat", -1, (int fd, struct stat64 *told), (fd, told))
ON_FD(fchmod, int, "chmod", -1, (int fd, mode_t mode), (fd, mode))

/* A descriptor is closed even if closing fails. */
int close(int fd) {
    REAL(close, int, int);
    enum how how = judge_fd("close", fd);
    if (how == FAIL) {
        int error = errno;
        real(fd);
        errno = error;
        return -1;
    }
    END(how, -1, real(fd));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count,
                        unsigned int flags) {
    REAL(copy_file_range, ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned int);
    enum how how = judge_fd("copy", to);
    if (how == SHORT)
        return real(from, from_at, to, to_at, count > 1 ? count / 2 : count, flags);
    END(how, -1, real(from, from_at, to, to_at, count, flags));
}

#define SENDFILE(name, offset_type)                                                                \
    ssize_t name(int to, int from, offset_type *at, size_t count) {                                \
        REAL(name, ssize_t, int, int, offset_type *, size_t);                                      \
        enum how how = judge_fd("copy", to);                                                       \
        if (how == SHORT)                                                                          \
            return real(to, from, at, count > 1 ? count / 2 : count);                              \
        END(how, -1, real(to, from, at, count));                                                   \
    }
SENDFILE(sendfile, off_t)
SENDFILE(sendfile64, off64_t)

#define ON_PATH(name, type, kind, failed, parameters, arguments)                                   \
    type name parameters {                                                                         \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        enum how how = judge(kind, path);                                                          \
        END(how, failed, real arguments);                                                          \
    }
ON_PATH(rename, int, "rename", -1, (const char *path, const char *to), (path, to))
ON_PATH(link, int, "link", -1, (const char *path, const char *to), (path, to))
ON_PATH(unlink, int, "unlink", -1, (const char *path), (path))
ON_PATH(mkdir, int, "mkdir", -1, (const char *path, mode_t mode), (path, mode))
ON_PATH(rmdir, int, "rmdir", -1, (const char *path), (path))
ON_PATH(stat, int, "stat", -1, (const char *path, struct stat *told), (path, told))
ON_PATH(stat64, int, "stat", -1, (const char *path, struct stat64 *told), (path, told))
ON_PATH(lstat, int, "stat", -1, (const char *path, struct stat *told), (path, told))
ON_PATH(lstat64, int, "stat", -1, (const char *path, struct stat64 *told), (path, told))
ON_PATH(opendir, DIR *, "list", NULL, (const char *path), (path))

#define ON_PATH_AT(name, kind, parameters, arguments)                                              \
    int name parameters {                                                                          \
        static int(*real) parameters;                                                              \
        if (!real)                                                                                 \
            real = (int(*) parameters)dlsym(RTLD_NEXT, #name);                                     \
        enum how how = judge_at(kind, folder, path);                                               \
        END(how, -1, real arguments);                                                              \
    }
ON_PATH_AT(renameat, "rename", (int folder, const char *path, int folder_to, const char *to),
           (folder, path, folder_to, to))
ON_PATH_AT(linkat, "link",
           (int folder, const char *path, int folder_to, const char *to, int flags),
           (folder, path, folder_to, to, flags))
ON_PATH_AT(unlinkat, "unlink", (int folder, const char *path, int flags), (folder, path, flags))
ON_PATH_AT(mkdirat, "mkdir", (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH_AT(fstatat, "stat", (int folder, const char *path, struct stat *told, int flags),
           (folder, path, told, flags))
ON_PATH_AT(fstatat64, "stat", (int folder, const char *path, struct stat64 *told, int flags),
           (folder, path, told, flags))

DIR *fdopendir(int fd) {
    REAL(fdopendir, DIR *, int);
    enum how how = judge_fd("list", fd);
    END(how, NULL, real(fd));
}
