/* limits.h - every fixed maximum of the protocol, with its name.
 *
 * A limit that an operator may change is an option of musterd; its default is here. Lengths are
 * checked before anything is allocated. */
#ifndef MST_LIMITS_H
#define MST_LIMITS_H

#include <stdint.h>

#define MST_PROTOCOL_VERSION 1
#define MST_DEFAULT_PORT     6878

#define MST_PREAMBLE_BYTES     8
#define MST_FRAME_HEADER_BYTES 4
#define MST_FRAME_BYTES_MAX    (16u << 20) /* default of --max-frame; without the length word */
#define MST_BODY_BYTES_MAX     (8u << 20)  /* one message body */
#define MST_FRAME_DEPTH_MAX    8           /* nested arrays and maps */
#define MST_FRAME_ELEMENTS_MAX (1u << 18)  /* msgpack values in one frame */

#define MST_NAME_BYTES_MAX       255 /* object names */
#define MST_QUEUE_NAME_BYTES_MAX 250 /* queues: room for the suffix of the dead letters */
#define MST_DEAD_SUFFIX          ".dead"
#define MST_CLIENT_NAME_MAX      255
#define MST_HOST_NAME_MAX        255
#define MST_DEDUP_KEY_MAX        255
#define MST_HEADERS_BYTES_MAX    (64u << 10)
#define MST_CAUSE_BYTES_MAX      300
#define MST_HOLDER_BYTES_MAX     540 /* "name@host:pid" */
#define MST_FACT_NAME_MAX        64
#define MST_FACT_TEXT_MAX        1024
#define MST_DETAIL_BYTES_MAX     64 /* role and detail of a party */
#define MST_VERSION_BYTES_MAX    64 /* the broker's version as text */
#define MST_FACTS_MAX            256
#define MST_WHO_MAX              4096 /* parties in one reply of STAT */
#define MST_TALLIES_MAX          64
#define MST_VALUE_BYTES_MAX      (64u << 10)  /* what a barrier's leader hands to the parties */
#define MST_BACKUP_PIECE_MAX     (512u << 10) /* bytes of a backup in one reply */

#define MST_HANDLE_MAX          65535u /* handle numbers run from 0 to this */
#define MST_GET_QUEUES_MAX      64     /* queues named in one get */
#define MST_MESSAGES_MAX        4096   /* messages in one put, get, done or peek */
#define MST_IN_FLIGHT_MAX       4096   /* requests sent whose replies are not yet confirmed */
#define MST_SETTINGS_MAX        16
#define MST_LIST_MAX            1000    /* rows in one reply of LIST, SESSIONS; PEEK too */
#define MST_FINISHED_REMEMBERED 1024    /* deliveries a session can finish twice without an error */
#define MST_DEDUP_KEYS_MAX      1000000 /* keys one queue remembers; one more is LIMIT */
#define MST_PARTIES_MAX         1000000

#define MST_PUT_CREDIT       1024       /* unanswered puts of one session into one queue */
#define MST_PUT_CREDIT_BYTES (1u << 20) /* and their body bytes; one put alone may be larger */

/* What one step of the broker may need at once and cannot be refused: the outcomes, deliveries and
 * replies of MST_MESSAGES_MAX messages, about. */
#define MST_RESERVE_BYTES (16u << 20)

#define MST_SECRET_BYTES 32 /* proves that a session is ours on resume */
#define MST_BOOT_BYTES   16 /* tells one run of the broker from another */

#define MST_BUSY_POLL_MAX_NS   10000000LL    /* longer is no wait but a loop */
#define MST_TTL_DEFAULT_NS     10000000000LL /* how long a session outlives its connection */
#define MST_SILENCE_DEFAULT_NS 10000000000LL /* after this much silence a connection is lost */
#define MST_CONFIRM_DELAY_NS   1000000LL     /* a receipt waits this long for a frame to ride on */

/* Durations are int64 nanoseconds. */
#define MST_FOREVER         INT64_MAX /* nil on the wire */
#define MST_DEFAULT_TIMEOUT (-1LL)    /* the object's own default */
#define MST_DEFAULT_BROKER  (-2LL)    /* in settings.def only: the broker's own default */

#endif
