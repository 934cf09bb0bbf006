/* model.h - queues, events and barriers once more, written from docs/SEMANTICS.md alone: slow,
 * without a journal, without bytes, one thing after the other.
 *
 * It is told what programs ask, who goes away and comes back, and what time it is, and says what
 * each of them must have been told by now. That is exact only where nothing is under way when the
 * next thing happens: in a calm world (mix.h), in which connections break between two calls, not
 * within one, and every receipt has arrived.
 *
 * Knows the public contract and histories. Must not know the world, nor the broker. */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "tests/sim/history.h"

#define MODEL_RECEIPT_NS INT64_C(1000000) /* after so long what was given is known as taken */

struct model;

/* Reads the calls of the history as they begin, and nothing of what came of them. */
struct model *model_new(const struct history *history);
void model_free(struct model **model);

void model_program(struct model *model, size_t program, int64_t ttl_ns); /* it is there */
void model_call(struct model *model, size_t call, int64_t now_ns);       /* it has begun */
void model_cancel(struct model *model, size_t call, int64_t now_ns);
void model_away(struct model *model, size_t program, int64_t now_ns);   /* its connection broke */
void model_back(struct model *model, size_t program, int64_t now_ns);   /* it is connected again */
void model_leaves(struct model *model, size_t program, int64_t now_ns); /* ends its session */
void model_dies(struct model *model, size_t program, int64_t now_ns);   /* its process ends */
void model_run(struct model *model, int64_t now_ns);                    /* until now */

#define MODEL_TEXT 300

/* Was everybody told what the model says? false: text says who was not. */
bool model_agrees(const struct model *model, char text[MODEL_TEXT]);
/* A number that STAT shows of an object, by its name there; -1: the model does not count that. */
int64_t model_fact(const struct model *model, const char *object, const char *fact);

#endif
