/* disk.c - the real disk. See disk.h.
 *
 * Every call goes to the system at once, but for the room that is left, which is asked after each
 * batch and answered for ROOM_NS. Else nothing is kept but the directory's descriptor and the lock.
 * Whole blocks go past the page cache where the file system knows how, small ones by a copy: their
 * sync then has less to do, and the cache is not filled with what nobody reads.
 * Invariant: O_DIRECT is set on a file only while such a write is made.
 * Must not know: what is in the files. */
#include "broker/io/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define ROOM_NS          10000000 /* so little is written in it that the reserve is not touched */
#define BLOCK_BYTES      4096u    /* what the system asks for past the page cache, or less */
#define DIRECT_BYTES_MAX (32u << 10) /* a copy of more costs what it saves */

struct io_disk {
    struct disk disk; /* first */
    int directory;
    int lock;                /* -1: none */
    _Atomic int64_t room;    /* asked for by any lane */
    _Atomic int64_t room_ns; /* when it was found out; 0: not yet */
    uint8_t *blocks;         /* DIRECT_BYTES_MAX, aligned; NULL: nothing goes past the cache */
    atomic_flag blocks_used; /* by one lane at a time */
    atomic_bool no_direct;   /* the file system has refused it */
};

static struct io_disk *disk_of(struct disk *disk)
{
    return (struct io_disk *)disk;
}

/* ---- the table ---- */

static int disk_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY, [DISK_UPDATE] = O_RDWR, [DISK_CREATE] = O_RDWR | O_CREAT | O_EXCL};
    int file = openat(disk_of(disk)->directory, name, flags[mode] | O_CLOEXEC | O_NOFOLLOW, 0600);

    return file < 0 ? -errno : file;
}

static void disk_close(struct disk *disk, int file)
{
    (void)disk;
    close(file);
}

static int64_t disk_read(struct disk *disk, int file, uint64_t offset, void *out, size_t len)
{
    size_t done = 0;

    (void)disk;
    while (done < len) {
        ssize_t n = pread(file, (uint8_t *)out + done, len - done, (off_t)(offset + done));

        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    return (int64_t)done;
}

/* As write_direct. Where the file system refuses this way it is not tried again. */
static ssize_t write_blocks(struct io_disk *own, int file, uint64_t offset, const void *blocks,
                            size_t len)
{
    ssize_t n = -EINVAL;

    if (fcntl(file, F_SETFL, O_DIRECT) == 0) {
        n = pwrite(file, blocks, len, (off_t)offset);
        n = n < 0 ? -errno : n;
        fcntl(file, F_SETFL, 0);
    }
    if (n == -EINVAL) {
        atomic_store(&own->no_direct, true);
    }
    return n == -EINVAL || n == -EINTR ? 0 : n;
}

/* How much was written, or a negative errno. What was not is for the ordinary way. */
static int64_t write_direct(struct io_disk *own, int file, uint64_t offset, const void *bytes,
                            size_t len)
{
    ssize_t n = 0;

    if (offset % BLOCK_BYTES != 0 || len % BLOCK_BYTES != 0 || atomic_load(&own->no_direct)) {
        return 0;
    }
    if ((uintptr_t)bytes % BLOCK_BYTES == 0) {
        n = write_blocks(own, file, offset, bytes, len);
    } else if (own->blocks != NULL && len <= DIRECT_BYTES_MAX &&
               !atomic_flag_test_and_set(&own->blocks_used)) {
        memcpy(own->blocks, bytes, len);
        n = write_blocks(own, file, offset, own->blocks, len);
        atomic_flag_clear(&own->blocks_used);
    }
    return n;
}

static int disk_write(struct disk *disk, int file, uint64_t offset, const void *bytes, size_t len)
{
    int64_t direct = write_direct(disk_of(disk), file, offset, bytes, len);
    size_t done = direct < 0 ? 0 : (size_t)direct;

    if (direct < 0) {
        return (int)direct;
    }
    while (done < len) {
        ssize_t n = pwrite(file, (const uint8_t *)bytes + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        done += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

static int64_t disk_size(struct disk *disk, int file)
{
    struct stat facts;

    (void)disk;
    return fstat(file, &facts) == 0 ? (int64_t)facts.st_size : -errno;
}

static int disk_sync(struct disk *disk, int file)
{
    (void)disk;
    return fdatasync(file) == 0 ? 0 : -errno;
}

static void disk_forget(struct disk *disk, int file)
{
    (void)disk;
    /* Advice: where it is not taken, a start after a failed sync trusts the page cache. */
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

static int disk_rename(struct disk *disk, const char *from, const char *to)
{
    int directory = disk_of(disk)->directory;

    return renameat(directory, from, directory, to) == 0 ? 0 : -errno;
}

static int disk_remove(struct disk *disk, const char *name)
{
    return unlinkat(disk_of(disk)->directory, name, 0) == 0 ? 0 : -errno;
}

static int disk_sync_dir(struct disk *disk)
{
    return fsync(disk_of(disk)->directory) == 0 ? 0 : -errno;
}

static int disk_list(struct disk *disk, disk_name_fn *name, void *user)
{
    int copy = openat(disk_of(disk)->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;
    bool on = true;
    int error;

    if (entries == NULL) {
        error = errno;
        if (copy >= 0) {
            close(copy);
        }
        return -error;
    }
    errno = 0;
    while (on && (entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, IO_DISK_LOCK_NAME) != 0) {
            on = name(user, entry->d_name);
        }
        errno = 0;
    }
    error = errno;
    closedir(entries);
    return -error;
}

static int64_t coarse_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t disk_room(struct disk *disk)
{
    struct io_disk *own = disk_of(disk);
    int64_t now_ns = coarse_now_ns();
    int64_t found_ns = atomic_load(&own->room_ns);
    struct statvfs facts;

    if (found_ns != 0 && now_ns - found_ns < ROOM_NS) {
        return atomic_load(&own->room);
    }
    if (fstatvfs(own->directory, &facts) != 0) {
        return -errno;
    }
    atomic_store(&own->room, (int64_t)facts.f_bavail * (int64_t)facts.f_frsize);
    atomic_store(&own->room_ns, now_ns);
    return atomic_load(&own->room);
}

static const struct disk_table table = {
    .open = disk_open,
    .close = disk_close,
    .read = disk_read,
    .write = disk_write,
    .size = disk_size,
    .sync = disk_sync,
    .forget = disk_forget,
    .rename = disk_rename,
    .remove = disk_remove,
    .sync_dir = disk_sync_dir,
    .list = disk_list,
    .room = disk_room,
};

/* ---- opened and locked ---- */

static enum io_disk_status refuse(char *error, int number, const char *what, const char *path)
{
    const char *advice = number == EROFS    ? "the file system is read-only"
                         : number == EACCES ? "give it to the user that musterd runs as"
                                            : "name a directory that musterd may use";

    snprintf(error, IO_DISK_ERROR_MAX, "cannot %s data directory '%s': %s; %s", what, path,
             strerror(number), advice);
    return number == EACCES || number == EPERM ? IO_DISK_DENIED
           : number == ENOTDIR                 ? IO_DISK_USAGE
                                               : IO_DISK_FAILED;
}

static enum io_disk_status make_directory(const char *path, char *error)
{
    char parent[4096];
    int file;

    if (mkdir(path, 0700) != 0) {
        return errno == EEXIST ? IO_DISK_OK : refuse(error, errno, "make", path);
    }
    /* Its own name has to survive a power failure as well. */
    if (snprintf(parent, sizeof(parent), "%s/..", path) < (int)sizeof(parent)) {
        file = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (file >= 0) {
            fsync(file);
            close(file);
        }
    }
    return IO_DISK_OK;
}

static void write_holder(int lock)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    if (ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)n, 0) != n) {
        errno = 0; /* who holds it is told for convenience only */
    }
}

static long read_holder(int lock)
{
    char text[32] = "";

    return pread(lock, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static enum io_disk_status lock_directory(struct io_disk *disk, const char *path, bool write,
                                          char *error)
{
    int flags = write ? O_RDWR | O_CREAT : O_RDONLY;

    disk->lock = openat(disk->directory, IO_DISK_LOCK_NAME, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (disk->lock < 0) {
        return !write && errno == ENOENT ? IO_DISK_OK : refuse(error, errno, "lock", path);
    }
    if (flock(disk->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return refuse(error, errno, "lock", path);
        }
        snprintf(error, IO_DISK_ERROR_MAX,
                 "data directory '%s' is in use by process %ld; end that broker, or name another "
                 "directory",
                 path, read_holder(disk->lock));
        return IO_DISK_IN_USE;
    }
    if (write) {
        write_holder(disk->lock);
    }
    return IO_DISK_OK;
}

enum io_disk_status io_disk_open(const char *path, bool make, bool write, struct disk **disk_out,
                                 char error[IO_DISK_ERROR_MAX])
{
    struct io_disk *disk = calloc(1, sizeof(*disk));
    enum io_disk_status status = disk == NULL ? refuse(error, ENOMEM, "open", path) : IO_DISK_OK;

    *disk_out = NULL;
    if (disk == NULL) {
        return status;
    }
    disk->disk.table = &table;
    disk->blocks = write ? aligned_alloc(BLOCK_BYTES, DIRECT_BYTES_MAX) : NULL;
    disk->directory = disk->lock = -1;
    if (make) {
        status = make_directory(path, error);
    }
    if (status == IO_DISK_OK) {
        disk->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        status = disk->directory < 0 ? refuse(error, errno, "open", path) : IO_DISK_OK;
    }
    if (status == IO_DISK_OK) {
        status = lock_directory(disk, path, write, error);
    }
    *disk_out = &disk->disk;
    if (status != IO_DISK_OK) {
        io_disk_close(disk_out);
    }
    return status;
}

void io_disk_close(struct disk **owner)
{
    struct io_disk *disk = *owner == NULL ? NULL : disk_of(*owner);

    if (disk == NULL) {
        return;
    }
    if (disk->lock >= 0) {
        close(disk->lock);
    }
    if (disk->directory >= 0) {
        close(disk->directory);
    }
    free(disk->blocks);
    free(disk);
    *owner = NULL;
}
