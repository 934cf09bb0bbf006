/* top_screen.c - the terminal: taken over, drawn on, and given back as it was.
 *
 * Plain escape codes that every terminal of the last decades knows: the second screen, the cursor
 * hidden, no wrapping. Signals come through a descriptor, so that nothing is interrupted: whatever
 * ends the command, it leaves the terminal first. A stop (Ctrl-Z) gives the terminal back and takes
 * it again when the command goes on. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cli/top.h"

enum { ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80, COLUMNS_MOST = 1000 };

struct top_terminal {
    struct termios before;
    sigset_t mask_before;
    int signal_fd;
    bool entered;
};

bool top_terminal_fits(void)
{
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static bool write_all(const char *data, size_t len)
{
    size_t written = 0;
    while (written < len) {
        ssize_t n = write(STDOUT_FILENO, data + written, len - written);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        written += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_text(const char *text)
{
    return write_all(text, strlen(text));
}

struct top_terminal *top_terminal_new(void)
{
    struct top_terminal *terminal = cli_grow(NULL, sizeof(*terminal));
    *terminal = (struct top_terminal){.entered = false};
    sigset_t signals;
    static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        sigaddset(&signals, all[i]);
    }
    pthread_sigmask(SIG_BLOCK, &signals, &terminal->mask_before);
    terminal->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (terminal->signal_fd < 0) {
        int error = errno;
        free(terminal);
        errno = error;
        return NULL;
    }
    return terminal;
}

bool top_terminal_enter(struct top_terminal *terminal)
{
    if (!terminal->entered && tcgetattr(STDIN_FILENO, &terminal->before) != 0) {
        return false;
    }
    struct termios raw = terminal->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_iflag &= ~(tcflag_t)(IXON); /* Ctrl-S would hold up the end, too */
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    terminal->entered = true;
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 &&
           write_text("\033[?1049h\033[?25l\033[?7l");
}

void top_terminal_leave(struct top_terminal *terminal)
{
    if (terminal->entered) {
        (void)write_text("\033[0m\033[?7h\033[?25h\033[?1049l");
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
        terminal->entered = false;
    }
}

void top_terminal_free(struct top_terminal **terminal_io)
{
    struct top_terminal *terminal = *terminal_io;
    top_terminal_leave(terminal);
    close(terminal->signal_fd);
    pthread_sigmask(SIG_SETMASK, &terminal->mask_before, NULL);
    free(terminal);
    *terminal_io = NULL;
}

struct top_screen top_terminal_size(void)
{
    struct winsize size = {0};
    struct top_screen screen = {ROWS_DEFAULT, COLUMNS_DEFAULT, getenv("NO_COLOR") == NULL};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        screen.rows = size.ws_row;
        screen.columns = size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST;
    }
    return screen;
}

/* One write for the whole screen, so that it does not flicker. No newline after the last line: it
 * would scroll. */
bool top_terminal_draw(const struct out *lines)
{
    struct out screen = {NULL, 0, 0};
    out_text(&screen, "\033[H");
    for (size_t i = 0; i < lines->len; i++) {
        if (lines->data[i] != '\n') {
            out_bytes(&screen, &lines->data[i], 1);
        } else {
            out_text(&screen, i + 1 < lines->len ? "\033[K\r\n" : "\033[K");
        }
    }
    out_text(&screen, "\033[J");
    bool drawn = write_all(screen.data, screen.len);
    out_clear(&screen);
    return drawn;
}

/* ---- waiting ---- */

/* Stopped as anybody else; when it goes on, the terminal may have been used by others. */
static void stop(struct top_terminal *terminal)
{
    top_terminal_leave(terminal);
    (void)kill(getpid(), SIGSTOP);
    (void)top_terminal_enter(terminal);
}

static struct top_event take_signal(struct top_terminal *terminal)
{
    struct signalfd_siginfo info;
    struct top_event event = {.what = TOP_NOTHING};
    if (read(terminal->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return event;
    }
    int number = (int)info.ssi_signo;
    event.what = TOP_RESIZED;
    if (number == SIGTSTP) {
        stop(terminal);
    } else if (number == SIGCONT) {
        (void)top_terminal_enter(terminal);
    } else if (number != SIGWINCH) {
        event = (struct top_event){.what = TOP_ENDED, .signal = number};
    }
    return event;
}

static struct top_event take_keys(void)
{
    struct top_event event = {.what = TOP_KEYS};
    ssize_t n = read(STDIN_FILENO, event.keys, sizeof(event.keys));
    if (n > 0) {
        event.len = (size_t)n;
        return event;
    }
    /* Readable and empty: the terminal was taken away. */
    bool again = n < 0 && (errno == EINTR || errno == EAGAIN);
    return (struct top_event){.what = again ? TOP_NOTHING : TOP_ENDED, .signal = SIGHUP};
}

struct top_event top_terminal_wait(struct top_terminal *terminal, int fd, int64_t limit_ns)
{
    struct pollfd fds[] = {
        {terminal->signal_fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
    int limit_ms = limit_ns == MUSTER_FOREVER ? -1 : (int)(limit_ns / MUSTER_MS) + 1;
    if (poll(fds, 3, limit_ms) <= 0) {
        return (struct top_event){.what = TOP_NOTHING};
    }
    if (fds[0].revents != 0) {
        return take_signal(terminal);
    }
    if (fds[1].revents != 0) {
        return take_keys();
    }
    return (struct top_event){.what = TOP_NEWS};
}
