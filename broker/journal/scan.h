/* scan.h - the batches of one file, read from its beginning: for recovery, verification,
 * compaction, salvage, backup. Reads ahead in large pieces; a batch is judged by its checksum. */
#ifndef JOURNAL_SCAN_H
#define JOURNAL_SCAN_H

#include "broker/journal/format.h"

enum scan_status {
    SCAN_BATCH,   /* *batch and *payload are set, valid until the next call */
    SCAN_END,     /* the file's room is used up, or only zeros and old bytes follow: nothing torn */
    SCAN_TORN,    /* a damaged batch at offset, and nothing good behind it in this file */
    SCAN_CORRUPT, /* not what should be at offset, but a later batch at `at`: *batch is that */
    SCAN_IO,      /* error is set */
    SCAN_NO_MEMORY
};

struct scan {
    struct disk *disk;
    int file;
    char name[DISK_NAME_MAX + 1];
    struct file_header header;
    uint64_t size;   /* of the file */
    uint64_t offset; /* of the batch that scan_next looks at next */
    uint64_t at;     /* of the last batch that was returned */
    uint64_t index;  /* that the next batch must have; 0: any. scan_next counts it up */
    uint64_t dirty;  /* after SCAN_TORN: what is not zero ends here */
    struct mst_buf buffer;
    uint64_t buffer_at;
    int error; /* errno of SCAN_IO */
};

/* Reads and judges the file's header; 0, or a negative errno with the scan closed. */
int scan_open(struct scan *scan, struct disk *disk, const char *name,
              enum format_status *header_out);
enum scan_status scan_next(struct scan *scan, struct batch_header *batch, struct mst_span *payload);
/* Place of the last batch's first payload byte. */
uint64_t scan_place(const struct scan *scan);
void scan_close(struct scan *scan);

#endif
