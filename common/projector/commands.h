// CommandLog: how an API hands facts to its service's inbox.
//
//   // An observation is answered when it is in the log.
//   EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<ShardPosition> revision,
//                               co_await commands.Append(origin, {{person_id, event}, ...}));
//
//   // A decided command is answered by the fold; `event.request` is the key of the decision.
//   std::vector<Decision> decisions =
//       co_await commands.Decide(origin, {{document_hash, event}}, deadline);
//   decisions[0].outcome.status; decisions[0].outcome.result; decisions[0].at;
//
// Commands of one call are grouped into one record per shard (cut at 128 events).
//
// Errors of both: UNAVAILABLE OUTCOME_UNKNOWN (any of the commands may be in the log: send all
// again with the same request_id, or the same natural keys), UNAVAILABLE LOG_UNAVAILABLE (none is),
// RESOURCE_EXHAUSTED LOG_QUEUE_FULL (none is; later). A broken producer is replaced before the next
// call. So each command must stand for itself: nothing may depend on another one of its call being
// in the log too.
//
// Life cycle: construct, use, destroy after the last call has ended; the loop, log and table
// outlive it. Threads: any; calls end on the log's or the view's loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/base/task.h"
#include "common/event_log/event_log.h"
#include "common/projector/cell_query.h"
#include "common/projector/fold.h"
#include "common/projector/shard_table.h"

namespace epigrid {

// What stands on a command's record besides its events.
struct Origin {
  Time recorded_at;         // when the API took it in
  std::string actor;        // the caller's name
  std::string purpose;      // "epidemic_control"
  std::string traceparent;  // W3C trace context; may be empty
};

// One event for the inbox, and the entity whose shard receives it.
struct Command {
  std::string entity;
  Event event;
};

// What became of a decided command.
struct Decision {
  // The fold's answer; or, of our own making: FAILED_PRECONDITION REQUEST_ID_REUSED (another
  // content under this key was decided earlier), FAILED_PRECONDITION UNDER_REVIEW (a record of this
  // entity could not be folded; operators know), UNAVAILABLE OUTCOME_UNKNOWN or DEADLINE_EXCEEDED
  // OUTCOME_PENDING (it is in the log, the answer is not there yet: send again with the same
  // request_id), and the errors of the append.
  Outcome outcome;
  ShardPosition at;  // of the request's record; offset 0 if it was not appended
};

class CommandLog {
 public:
  CommandLog(EventLog& log, ShardTable& shards, const CellQuery& cells, std::string service,
             uint32_t shard_count);
  ~CommandLog();

  // Where the records are: one for each shard touched (the last, where it was cut).
  Task<Result<std::vector<ShardPosition>>> Append(Origin origin, std::vector<Command> commands);

  // One Decision per command, in their order. Every event has a request key.
  Task<std::vector<Decision>> Decide(Origin origin, std::vector<Command> commands, Time deadline);

  // What such commands were answered when they were decided, in their order, or why that cannot be
  // read; nullopt for one that was not, or not within the last 7 days. Appends nothing: only the
  // request keys are looked at.
  Task<std::vector<std::optional<Outcome>>> Recall(std::vector<Command> commands);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid
