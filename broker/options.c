/* options.c - the table of musterd's options. See options.h. */
#include "broker/options.h"

#include <stdio.h>

const struct option options[OPTIONS_COUNT] = {
#define OPTION(member, name, type, when, value, initial, least, most, help)                        \
    {name,    OPTION_##type, OPTION_##when, value,                                                 \
     initial, least,         most,          offsetof(struct config, member),                       \
     help},
#include "broker/options.def"
#undef OPTION
};

#define FRACTION_DIGITS_MAX 9
#define DISTANCE_MAX        2 /* of a name from the one that was meant */
#define NAME_MAX_COMPARED   32

/* ---- names ---- */

const struct option *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters must be put in, left out or changed. */
static size_t distance(const char *name, size_t len, const char *other)
{
    size_t row[NAME_MAX_COMPARED + 1];

    for (size_t i = 0; i <= len; i++) {
        row[i] = i;
    }
    for (size_t j = 1; other[j - 1] != '\0'; j++) {
        size_t diagonal = row[0];

        row[0] = j;
        for (size_t i = 1; i <= len; i++) {
            char letter = name[i - 1] == '_' ? '-' : name[i - 1];
            size_t changed = diagonal + (letter != other[j - 1]);

            diagonal = row[i];
            row[i] = least_of(row[i] + 1, row[i - 1] + 1, changed);
        }
    }
    return row[len];
}

const struct option *option_near(const char *name, size_t len)
{
    const struct option *near = NULL;
    size_t best = DISTANCE_MAX + 1;

    for (; len > 0 && *name == '-'; len--) {
        name++;
    }
    for (size_t i = 0; i < OPTIONS_COUNT && len <= NAME_MAX_COMPARED; i++) {
        size_t far = distance(name, len, options[i].name);

        /* Of a short name no more than a third may be wrong. */
        if (far < best && far * 3 <= strlen(options[i].name)) {
            best = far;
            near = &options[i];
        }
    }
    return near;
}

/* ---- values ---- */

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit byte_units[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};
static const struct unit time_units[] = {
    {"", 1000000000},   {"us", 1000},         {"ms", 1000000}, {"s", 1000000000},
    {"m", 60000000000}, {"h", 3600000000000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

static bool find_unit(const struct unit *units, const char *text, int64_t *factor_out)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, text) == 0) {
            *factor_out = units->factor;
            return true;
        }
    }
    return false;
}

/* Moves *text over digits; false: there are none, or too many. */
static bool read_digits(const char **text, int64_t *out)
{
    const char *start = *text;

    *out = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, **text - '0', out)) {
            return false;
        }
    }
    return *text > start;
}

/* Digits, a fraction if the unit can be divided, a unit. In integers throughout, so that 0.1s is
 * exactly what it says. */
static bool read_number(const char *text, const struct unit *units, int64_t *out)
{
    int64_t fraction = 0;
    int64_t parts = 1; /* the fraction is so many of these */
    int64_t factor;

    if (!read_digits(&text, out)) {
        return false;
    }
    if (*text == '.') {
        const char *start = ++text;

        if (!read_digits(&text, &fraction) || text - start > FRACTION_DIGITS_MAX) {
            return false;
        }
        for (; start < text; start++) {
            parts *= 10;
        }
    }
    if (!find_unit(units, text, &factor) || (parts > 1 && factor == 1) ||
        __builtin_mul_overflow(*out, factor, out)) {
        return false;
    }
    fraction = factor / parts * fraction + factor % parts * fraction / parts;
    return !__builtin_add_overflow(*out, fraction, out);
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT; number is the port when none is said. */
static const char *read_host_port(const char *text, int64_t number, struct config_listen *listen)
{
    const char *port = strrchr(text, ':');
    const char *end = port;

    if (*text == '[') {
        end = strchr(++text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return "an address of IPv6 is written [ADDRESS]:PORT";
        }
        port = end[1] == ':' ? end + 1 : NULL;
    } else if (port != NULL && strchr(text, ':') != port) {
        return "an address of IPv6 is written [ADDRESS]:PORT";
    }
    if (end == NULL) {
        end = text + strlen(text);
    }
    if (end == text || (size_t)(end - text) > CONFIG_HOST_MAX) {
        return "HOST:PORT is wanted, such as 127.0.0.1:6878";
    }
    if (port != NULL && (!read_number(port + 1, no_units, &number) || number > UINT16_MAX)) {
        return "the port must be a number from 0 to 65535";
    }
    memcpy(listen->host, text, (size_t)(end - text));
    listen->host[end - text] = '\0';
    listen->port = (uint16_t)number;
    return NULL;
}

static const char *read_path(const char *text, struct config_listen *listen)
{
    listen->path = text;
    return *text == '\0' ? "a path is wanted" : NULL;
}

static const char *read_listen(enum option_type type, const char *text,
                               struct config_listens *listens)
{
    struct config_listen *listen = &listens->items[listens->count];
    const char *tcp = "muster://";
    const char *local = "muster+unix://";
    const char *why;

    if (listens->count == CONFIG_LISTENS_MAX) {
        return "there are 16 addresses already";
    }
    *listen = (struct config_listen){0};
    if (type == OPTION_UNIX) {
        why = read_path(text, listen);
    } else if (has_prefix(text, local)) {
        why = read_path(text + strlen(local), listen);
    } else {
        why = read_host_port(has_prefix(text, tcp) ? text + strlen(tcp) : text, MST_DEFAULT_PORT,
                             listen);
    }
    listens->count += why == NULL;
    return why;
}

/* The names of a choice are parted by bars; its value is the number of one of them. */
static const char *read_choice(const char *names, const char *text, unsigned *out)
{
    const char *name = names;

    for (*out = 0;; (*out)++) {
        size_t len = strcspn(name, "|");

        if (strlen(text) == len && memcmp(text, name, len) == 0) {
            return NULL;
        }
        if (name[len] == '\0') {
            return names;
        }
        name += len + 1;
    }
}

static const char *choice_text(const char *names, unsigned number, struct mst_arena *arena)
{
    for (; number > 0; number--) {
        names += strcspn(names, "|") + 1;
    }
    return (const char *)mst_arena_printf(arena, "%.*s", (int)strcspn(names, "|"), names).data;
}

/* With the largest unit that leaves a whole number. The first unit of a table is the plain number,
 * and the rest rise. */
static const char *number_text(const struct unit *units, int64_t number, struct mst_arena *arena)
{
    const struct unit *best = units;

    for (const struct unit *unit = units + 1; unit->name != NULL; unit++) {
        if (number != 0 && number % unit->factor == 0) {
            best = unit;
        }
    }
    return (const char *)mst_arena_printf(arena, "%lld%s", (long long)(number / best->factor),
                                          best->name)
        .data;
}

static const char *time_text(int64_t ns, struct mst_arena *arena)
{
    if (ns % time_units[1].factor == 0) {
        return ns == 0 ? "0" : number_text(time_units, ns, arena);
    }
    return (const char *)mst_arena_printf(arena, "%lld.%09llds", (long long)(ns / 1000000000),
                                          (long long)(ns % 1000000000))
        .data;
}

static const char *out_of_range(const struct option *option, const struct unit *units,
                                struct config *config, bool is_small)
{
    struct mst_arena *arena = &config->texts;
    int64_t limit = is_small ? option->least : option->most;
    const char *text =
        option->type == OPTION_TIME ? time_text(limit, arena) : number_text(units, limit, arena);
    const char *side = is_small ? "small; at least" : "large; at most";
    const char *why = NULL;

    if (text != NULL) {
        why = (const char *)mst_arena_printf(arena, "it is too %s %s", side, text).data;
    }
    return why != NULL ? why : "it is out of range";
}

static const char *read_in_range(const struct option *option, const struct unit *units,
                                 const char *text, struct config *config, int64_t *out)
{
    if (!read_number(text, units, out)) {
        return option->type == OPTION_TIME    ? "a time is wanted, such as 2.5s"
               : option->type == OPTION_BYTES ? "a size is wanted, such as 64M"
                                              : "a whole number is wanted";
    }
    if (*out >= option->least && *out <= option->most) {
        return NULL;
    }
    return out_of_range(option, units, config, *out < option->least);
}

static const char *read_flag(const char *text, bool *out)
{
    *out = text == NULL || strcmp(text, "yes") == 0;
    return *out || strcmp(text, "no") == 0 ? NULL : "it is yes or no";
}

const char *option_read(const struct option *option, const char *value, struct config *config)
{
    void *member = (char *)config + option->offset;
    int64_t number = 0;
    const char *why;

    switch (option->type) {
    case OPTION_FLAG: return read_flag(value, member);
    case OPTION_COUNT:
        why = read_in_range(option, no_units, value, config, &number);
        *(uint64_t *)member = (uint64_t)number;
        return why;
    case OPTION_BYTES:
        why = read_in_range(option, byte_units, value, config, &number);
        *(uint64_t *)member = (uint64_t)number;
        return why;
    case OPTION_TIME:
        why = read_in_range(option, time_units, value, config, &number);
        *(int64_t *)member = number;
        return why;
    case OPTION_LISTEN:
    case OPTION_UNIX: return read_listen(option->type, value, member);
    case OPTION_ADDRESS: return read_host_port(value, option->least, member);
    case OPTION_FILENAME:
        *(const char **)member = value;
        return *value == '\0' ? "a name is wanted" : NULL;
    case OPTION_CHOICE: return read_choice(option->value, value, member);
    case OPTION_FD:
        if (!read_number(value, no_units, &number) || number > INT32_MAX) {
            return "the number of an open descriptor is wanted";
        }
        *(int *)member = (int)number;
        return NULL;
    }
    return "it cannot be read";
}

/* ---- values as text ---- */

static const char *address_text(const struct config_listen *listen, struct mst_arena *arena)
{
    bool v6 = strchr(listen->host, ':') != NULL;

    return listen->host[0] == '\0'
               ? ""
               : (const char *)mst_arena_printf(arena, "%s%s%s:%u", v6 ? "[" : "", listen->host,
                                                v6 ? "]" : "", listen->port)
                     .data;
}

static const char *listens_text(enum option_type type, const struct config_listens *listens,
                                struct mst_arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < listens->count && text != NULL; i++) {
        const struct config_listen *listen = &listens->items[i];
        const char *space = *text == '\0' ? "" : " ";
        const char *one = listen->path != NULL ? listen->path : address_text(listen, arena);

        if ((listen->path != NULL) != (type == OPTION_UNIX)) {
            continue;
        }
        text = one == NULL ? NULL
                           : (const char *)mst_arena_printf(arena, "%s%s%s", text, space, one).data;
    }
    return text;
}

const char *option_text(const struct option *option, const struct config *config,
                        struct mst_arena *arena)
{
    const void *member = (const char *)config + option->offset;
    const char *name;

    switch (option->type) {
    case OPTION_FLAG: return *(const bool *)member ? "yes" : "no";
    case OPTION_COUNT: return number_text(no_units, (int64_t) * (const uint64_t *)member, arena);
    case OPTION_BYTES: return number_text(byte_units, (int64_t) * (const uint64_t *)member, arena);
    case OPTION_TIME: return time_text(*(const int64_t *)member, arena);
    case OPTION_LISTEN:
    case OPTION_UNIX: return listens_text(option->type, member, arena);
    case OPTION_ADDRESS: return address_text(member, arena);
    case OPTION_FILENAME: name = *(const char *const *)member; return name == NULL ? "" : name;
    case OPTION_CHOICE: return choice_text(option->value, *(const unsigned *)member, arena);
    case OPTION_FD: return number_text(no_units, *(const int *)member, arena);
    }
    return NULL;
}

/* ---- values copied ---- */

static const char *keep(const char *text, struct mst_arena *arena)
{
    return (const char *)mst_arena_printf(arena, "%s", text).data;
}

static bool copy_listens(struct config *to, const struct config_listens *from)
{
    to->listens = *from;
    for (size_t i = 0; i < from->count; i++) {
        if (from->items[i].path != NULL) {
            to->listens.items[i].path = keep(from->items[i].path, &to->texts);
            if (to->listens.items[i].path == NULL) {
                return false;
            }
        }
    }
    return true;
}

bool option_copy(const struct option *option, struct config *to, const struct config *from)
{
    void *target = (char *)to + option->offset;
    const void *source = (const char *)from + option->offset;
    const char *name;

    switch (option->type) {
    case OPTION_FLAG: *(bool *)target = *(const bool *)source; return true;
    case OPTION_COUNT:
    case OPTION_BYTES: *(uint64_t *)target = *(const uint64_t *)source; return true;
    case OPTION_TIME: *(int64_t *)target = *(const int64_t *)source; return true;
    case OPTION_LISTEN:
    case OPTION_UNIX: return copy_listens(to, source);
    case OPTION_ADDRESS:
        *(struct config_listen *)target = *(const struct config_listen *)source;
        return true;
    case OPTION_FILENAME:
        name = *(const char *const *)source;
        *(const char **)target = name == NULL ? NULL : keep(name, &to->texts);
        return name == NULL || *(const char **)target != NULL;
    case OPTION_CHOICE: *(unsigned *)target = *(const unsigned *)source; return true;
    case OPTION_FD: *(int *)target = *(const int *)source; return true;
    }
    return false;
}
