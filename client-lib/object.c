/* object.c - declaring, changing, removing and listing objects; sessions. */
#include <string.h>

#include "client-lib/run.h"
#include "client-lib/stat.h"

const char *muster_kind_name(enum muster_kind kind)
{
    return (int)kind < MST_KIND_NONE || (int)kind > MST_KIND_BARRIER ? "?" : mst_kind_names[kind];
}

/* ---- by name ---- */

/* One request about an object that is named, not opened. The caller clears the call. */
static enum muster_status run_named(muster_client *client, const char *name,
                                    struct mst_request *request, struct mst_call *call,
                                    const char *verb)
{
    struct mst_object object;
    enum muster_status status = mst_object_open(client, name, MST_NAME_BYTES_MAX, &object);

    if (status != MUSTER_OK) {
        mst_call_init(call, request, NULL);
        return status;
    }
    request->handle = mst_handle_number(object.handle);
    status = mst_run(client, request, NULL, call, verb, name);
    mst_object_close(&object);
    return status;
}

/* false: too many, or one has no name; the error is told. */
static bool copy_settings(struct mst_fact *facts, const muster_setting *settings, size_t count,
                          const char *verb)
{
    if (count > MST_SETTINGS_MAX) {
        mst_complain(MST_VALUE, "%s: %zu settings were given, and there are at most %d", verb,
                     count, MST_SETTINGS_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (settings[i].name == NULL) {
            mst_complain(MST_VALUE, "%s: setting %zu has no name", verb, i + 1);
            return false;
        }
        facts[i] = (struct mst_fact){mst_span_text(settings[i].name), false, settings[i].value,
                                     MST_SPAN_NONE};
    }
    return true;
}

enum muster_status muster_declare(muster_client *client, const char *name, enum muster_kind kind,
                                  const muster_setting *settings, size_t count, bool *created_out)
{
    struct mst_fact facts[MST_SETTINGS_MAX];
    struct mst_request request;
    struct mst_call call;

    if (!copy_settings(facts, settings, count, "declare")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&request, MST_OP_DECLARE);
    request.kind = (uint64_t)kind;
    request.settings = facts;
    request.settings_count = count;
    enum muster_status status = run_named(client, name, &request, &call, "declare");
    if (status == MUSTER_OK && created_out != NULL) {
        *created_out = call.outcome.reply->flag;
    }
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_update(muster_client *client, const char *name,
                                 const muster_setting *settings, size_t count)
{
    struct mst_fact facts[MST_SETTINGS_MAX];
    struct mst_request request;
    struct mst_call call;

    if (!copy_settings(facts, settings, count, "update")) {
        return MUSTER_VALUE;
    }
    mst_request_init(&request, MST_OP_UPDATE);
    request.settings = facts;
    request.settings_count = count;
    enum muster_status status = run_named(client, name, &request, &call, "update");
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_remove(muster_client *client, const char *name)
{
    struct mst_request request;
    struct mst_call call;

    mst_request_init(&request, MST_OP_REMOVE);
    enum muster_status status = run_named(client, name, &request, &call, "remove");
    mst_call_clear(&call);
    return status;
}

enum muster_status muster_stat_get(muster_client *client, const char *name, muster_stat **stat_out)
{
    struct mst_request request;
    struct mst_call call;

    mst_request_init(&request, MST_OP_STAT);
    enum muster_status status = run_named(client, name, &request, &call, "stat");
    if (status == MUSTER_OK) {
        muster_stat *stat = mst_stat_new(call.outcome.reply);

        if (stat == NULL) {
            status = mst_fail(MST_NO_MEMORY, NULL, "stat %.100s", name);
        } else {
            call.outcome.reply = NULL; /* it is the stat's now */
            *stat_out = stat;
        }
    }
    mst_call_clear(&call);
    return status;
}

/* ---- lists: page after page ---- */

static const char *text_of(struct mst_span text)
{
    return text.data == NULL ? "" : (const char *)text.data;
}

/* False when row has seen enough. */
static bool show_entries(const struct mst_reply *reply,
                         bool (*row)(const muster_entry *entry, void *user), void *user)
{
    for (size_t i = 0; i < reply->entries_count; i++) {
        const struct mst_entry *from = &reply->entries[i];
        muster_entry entry = {.name = text_of(from->name),
                              .kind = (enum muster_kind)from->kind,
                              .ready = from->ready,
                              .unfinished = from->unfinished,
                              .waiting = from->waiting,
                              .leased = from->leased,
                              .delayed = from->delayed,
                              .puts = from->puts,
                              .gets = from->gets,
                              .oldest_age_ns = from->oldest_age_ns};

        if (!row(&entry, user)) {
            return false;
        }
    }
    return true;
}

enum muster_status muster_list(muster_client *client, const char *pattern,
                               bool (*row)(const muster_entry *entry, void *user), void *user)
{
    char after[MST_NAME_BYTES_MAX + 1] = "";
    bool more = true;

    if (pattern != NULL && strlen(pattern) > MST_NAME_BYTES_MAX) {
        return mst_complain(MST_VALUE, "list: the pattern is longer than a name can be");
    }
    while (more) {
        struct mst_request request;
        struct mst_call call;

        mst_request_init(&request, MST_OP_LIST);
        request.pattern = mst_span_text(pattern);
        request.after = after[0] == '\0' ? MST_SPAN_NONE : mst_span_text(after);
        request.count = MST_LIST_MAX;
        enum muster_status status =
            mst_run(client, &request, NULL, &call, "list", pattern == NULL ? "**" : pattern);
        if (status != MUSTER_OK) {
            mst_call_clear(&call);
            return status;
        }
        const struct mst_reply *page = call.outcome.reply;
        more = show_entries(page, row, user) && page->entries_count == MST_LIST_MAX;
        if (more) {
            struct mst_span last = page->entries[page->entries_count - 1].name;

            memcpy(after, text_of(last), last.len + 1);
        }
        mst_call_clear(&call);
    }
    return MUSTER_OK;
}

static bool show_sessions(const struct mst_reply *reply,
                          bool (*row)(const muster_session_info *info, void *user), void *user)
{
    for (size_t i = 0; i < reply->sessions_count; i++) {
        const struct mst_session_row *from = &reply->sessions[i];
        muster_session_info info = {from->id,     text_of(from->name), text_of(from->host),
                                    from->pid,    from->age_ns,        from->connected,
                                    from->leases, from->waits};

        if (!row(&info, user)) {
            return false;
        }
    }
    return true;
}

enum muster_status muster_sessions(muster_client *client,
                                   bool (*row)(const muster_session_info *info, void *user),
                                   void *user)
{
    uint64_t after = 0;
    bool more = true;

    while (more) {
        struct mst_request request;
        struct mst_call call;

        mst_request_init(&request, MST_OP_SESSIONS);
        request.session = after;
        request.count = MST_LIST_MAX;
        enum muster_status status = mst_run(client, &request, NULL, &call, "list", "sessions");
        if (status != MUSTER_OK) {
            mst_call_clear(&call);
            return status;
        }
        const struct mst_reply *page = call.outcome.reply;
        more = show_sessions(page, row, user) && page->sessions_count == MST_LIST_MAX;
        if (more) {
            after = page->sessions[page->sessions_count - 1].id;
        }
        mst_call_clear(&call);
    }
    return MUSTER_OK;
}

enum muster_status muster_session_kill(muster_client *client, uint64_t session)
{
    struct mst_request request;
    struct mst_call call;

    mst_request_init(&request, MST_OP_KILL);
    request.session = session;
    enum muster_status status = mst_run(client, &request, NULL, &call, "kill", "session");
    mst_call_clear(&call);
    return status;
}

static enum muster_status fetch_backup(muster_client *client, uint64_t offset,
                                       struct mst_call *call)
{
    struct mst_request request;

    mst_request_init(&request, MST_OP_BACKUP);
    request.offset = offset;
    request.count = MST_BACKUP_PIECE_MAX;
    return mst_run(client, &request, NULL, call, "back up", "broker");
}

/* The reply that reaches the end ends a backup: nobody else could begin one meanwhile. */
static void give_up_backup(muster_client *client, uint64_t size)
{
    struct mst_call call;

    fetch_backup(client, size, &call);
    mst_call_clear(&call);
}

enum muster_status
muster_backup(muster_client *client,
              bool (*piece)(const void *bytes, size_t len, uint64_t size, void *user), void *user)
{
    uint64_t offset = 0;
    uint64_t size = UINT64_MAX;

    while (offset < size) {
        struct mst_call call;
        enum muster_status status = fetch_backup(client, offset, &call);

        if (status != MUSTER_OK) {
            mst_call_clear(&call);
            return status;
        }
        const struct mst_reply *reply = call.outcome.reply;
        size = reply->value.len > 0 ? reply->number : offset;
        offset += reply->value.len;
        bool goes_on = piece(reply->value.data, reply->value.len, reply->number, user);
        mst_call_clear(&call);
        if (!goes_on && offset < size) {
            give_up_backup(client, size);
            return MUSTER_OK;
        }
    }
    return MUSTER_OK;
}
