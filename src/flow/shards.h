/* Inside the engine: its part of a journal that several engines share. Without others every flow is its own,
 * epochs are 0, and all of this costs nothing. */
#pragma once

#include "flow/engine-internal.h"

bool shards_is_ours(const FlowEngine *e, int64_t flow_id);
bool shards_may_start(const FlowEngine *e, int64_t flow_id); /* an ask of it */
/* A record that is written as owner of `flow_id`. */
JournalRecord *shards_add(FlowEngine *e, EngineBatch *batch, JournalRecordType type, int64_t flow_id);
/* Whether what was read for its shard was read in the ownership that still lasts. */
bool shards_is_current(const FlowEngine *e, const JournalRecord *rec);
int64_t shards_new_flow_id(FlowEngine *e);

/* A turn has consumed a row that may be seen in the inbox until the batch is committed. */
void shards_consumed(FlowEngine *e, int64_t inbox_id);
bool shards_is_consumed(const FlowEngine *e, int64_t inbox_id);

/* An event was stored for a flow of somebody else. */
void shards_tell_owner(FlowEngine *e, int64_t owner, int64_t flow_id);
/* Gives up the shards that leave and have nothing under way. */
void shards_check_leaving(FlowEngine *e);

/* A batch is committed: before its records have their effect, and after. */
void shards_batch_committed(FlowEngine *e, const EngineBatch *batch);
void shards_batch_over(FlowEngine *e, const EngineBatch *batch);
void shards_scanned(FlowEngine *e, const JournalRecord *rec);
void shards_looked(FlowEngine *e, const JournalRecord *rec);

void shards_start(FlowEngine *e);
void shards_stop(FlowEngine *e); /* gives up all */
bool shards_are_away(const FlowEngine *e);
void shards_deinit(FlowEngine *e);
