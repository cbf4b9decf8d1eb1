#include "common/projector/commands.h"

#include <map>
#include <mutex>
#include <utility>

#include "common/base/proto_time.h"
#include "common/projector/emission.h"
#include "common/projector/outcomes.h"

namespace epigrid {
namespace {

// Records of one call for the log, and which of them each command is in.
struct Batch {
  std::vector<NewRecord> records;
  std::vector<size_t> record_of;  // by command
};

Batch MakeBatch(const std::string& inbox, uint32_t shard_count, const Origin& origin,
                std::vector<Command>& commands) {
  Batch batch;
  batch.record_of.resize(commands.size());
  std::vector<Envelope> envelopes;
  std::map<Shard, size_t> open;  // the record that a shard's next event goes to
  for (size_t i = 0; i < commands.size(); ++i) {
    const Shard shard = ShardOf(commands[i].entity, shard_count);
    auto [at, created] = open.try_emplace(shard, batch.records.size());
    if (!created &&
        static_cast<size_t>(envelopes[at->second].events_size()) >= kEventsPerRecordMax) {
      at->second = batch.records.size();
      created = true;
    }
    if (created) {
      batch.records.push_back({{inbox, shard}, commands[i].entity, {}});
      Envelope& envelope = envelopes.emplace_back();
      envelope.set_schema_version(kSchemaVersion);
      *envelope.mutable_recorded_at() = ToProto(origin.recorded_at);
      envelope.set_actor(origin.actor);
      envelope.set_purpose(origin.purpose);
      envelope.set_traceparent(origin.traceparent);
    }
    batch.record_of[i] = at->second;
    AddEvent(envelopes[at->second], batch.records[at->second].key, commands[i].entity,
             std::move(commands[i].event));
  }
  for (size_t i = 0; i < envelopes.size(); ++i) {
    batch.records[i].value = envelopes[i].SerializeAsString();
  }
  return batch;
}

Decision Failed(Status status) { return {{std::move(status), {}}, {}}; }

}  // namespace

struct CommandLog::State {
  State(EventLog& to, ShardTable& table, const CellQuery& query, const std::string& service_name,
        uint32_t count)
      : log(to), shards(table), cells(query), inbox(InboxTopic(service_name)), shard_count(count) {}

  // The producer to use now: another one if the last is broken. The first is made with the first
  // command, when the log is open.
  std::shared_ptr<Producer> UsableProducer() {
    std::lock_guard lock(mutex);
    if (producer == nullptr || producer->broken()) producer = log.NewProducer();
    return producer;
  }

  EventLog& log;
  ShardTable& shards;
  const CellQuery& cells;
  const std::string inbox;
  const uint32_t shard_count;
  std::mutex mutex;
  std::shared_ptr<Producer> producer;
};

CommandLog::CommandLog(EventLog& log, ShardTable& shards, const CellQuery& cells,
                       std::string service, uint32_t shard_count)
    : state_(std::make_shared<State>(log, shards, cells, std::move(service), shard_count)) {}
CommandLog::~CommandLog() = default;

Task<Result<std::vector<ShardPosition>>> CommandLog::Append(Origin origin,
                                                            std::vector<Command> commands) {
  std::shared_ptr<State> state = state_;
  Batch batch = MakeBatch(state->inbox, state->shard_count, origin, commands);
  std::vector<Shard> shards;
  for (const NewRecord& record : batch.records) shards.push_back(record.to.shard);
  // Kept while it is used: another call may replace it.
  const std::shared_ptr<Producer> producer = state->UsableProducer();
  auto appended = co_await producer->Append(std::move(batch.records));
  if (!appended.ok()) co_return appended.status();
  std::map<Shard, Offset> last;
  for (size_t i = 0; i < shards.size(); ++i) last[shards[i]] = (*appended)[i];
  std::vector<ShardPosition> revision;
  for (const auto& [shard, offset] : last) revision.push_back({shard, offset});
  co_return revision;
}

namespace {

// Whatever the reason: one of a read's own, such as VIEW_UNAVAILABLE, would say that nothing was
// done.
Status OutcomeUnknown() {
  return Unavailable("OUTCOME_UNKNOWN",
                     "the request is in the log, its outcome cannot be read now: send it again "
                     "with the same request_id");
}

// What the fold answered to the request, now that its record is applied.
Outcome ReadOutcome(const std::optional<std::string>& cell, const std::string& fingerprint,
                    bool parked) {
  if (!cell.has_value()) {
    if (parked) {
      return {FailedPrecondition("UNDER_REVIEW",
                                 "an earlier record of the same person or thing is under review by "
                                 "the operators; this request waits behind it"),
              {}};
    }
    return {OutcomeUnknown(), {}};
  }
  std::optional<DecodedOutcome> decoded = DecodeOutcome(*cell);
  EPIGRID_CHECK(decoded.has_value(), "an outcome does not parse");
  if (decoded->fingerprint != fingerprint) {
    return {FailedPrecondition("REQUEST_ID_REUSED",
                               "this request_id was used before for a request with another "
                               "content: use a new one for a new request"),
            {}};
  }
  return std::move(decoded->outcome);
}

}  // namespace

Task<std::vector<Decision>> CommandLog::Decide(Origin origin, std::vector<Command> commands,
                                               Time deadline) {
  std::shared_ptr<State> state = state_;
  struct Request {
    std::string entity;
    std::string cell;
    std::string fingerprint;
  };
  std::vector<Request> requests;
  for (const Command& command : commands) {
    EPIGRID_CHECK(command.event.has_request(), "a decided command has a request key");
    requests.push_back({command.entity, OutcomeCell(command.event.request()),
                        command.event.request().fingerprint()});
  }
  std::vector<Decision> decisions(commands.size());
  Batch batch = MakeBatch(state->inbox, state->shard_count, origin, commands);
  std::vector<Shard> shards;
  for (const NewRecord& record : batch.records) shards.push_back(record.to.shard);
  const std::shared_ptr<Producer> producer = state->UsableProducer();
  auto appended = co_await producer->Append(std::move(batch.records));
  if (!appended.ok()) {
    for (Decision& decision : decisions) decision = Failed(appended.status());
    co_return decisions;
  }
  std::map<Shard, Offset> last;
  for (size_t i = 0; i < shards.size(); ++i) last[shards[i]] = (*appended)[i];
  std::vector<ShardPosition> revision;
  for (const auto& [shard, offset] : last) revision.push_back({shard, offset});
  const Status waited = co_await state->shards.WaitFor(std::move(revision), deadline);

  // What is decided already is answered, also if other shards are late.
  std::vector<CellAddress> addresses;
  std::vector<size_t> places;
  for (size_t i = 0; i < decisions.size(); ++i) {
    const size_t record = batch.record_of[i];
    decisions[i].at = {shards[record], (*appended)[record]};
    if (!waited.ok() && state->shards.Applied(shards[record]) < decisions[i].at.offset) {
      decisions[i].outcome.status =
          waited.code() == Code::kDeadlineExceeded
              ? DeadlineExceeded("OUTCOME_PENDING",
                                 "the request is in the log and not decided yet: send it again "
                                 "with the same request_id")
              : OutcomeUnknown();
      continue;
    }
    addresses.push_back({requests[i].entity, requests[i].cell});
    places.push_back(i);
  }
  auto cells = co_await state->cells.GetMany(std::move(addresses));
  for (size_t i = 0; i < places.size(); ++i) {
    const Request& request = requests[places[i]];
    decisions[places[i]].outcome =
        cells[i].ok()
            ? ReadOutcome(*cells[i], request.fingerprint, state->shards.IsParked(request.entity))
            : Outcome{OutcomeUnknown(), {}};
  }
  co_return decisions;
}

Task<std::vector<std::optional<Outcome>>> CommandLog::Recall(std::vector<Command> commands) {
  std::shared_ptr<State> state = state_;
  std::vector<CellAddress> addresses;
  for (const Command& command : commands) {
    EPIGRID_CHECK(command.event.has_request(), "a decided command has a request key");
    addresses.push_back({command.entity, OutcomeCell(command.event.request())});
  }
  const auto cells = co_await state->cells.GetMany(std::move(addresses));
  std::vector<std::optional<Outcome>> outcomes;
  for (size_t i = 0; i < commands.size(); ++i) {
    std::optional<Outcome>& outcome = outcomes.emplace_back();
    if (!cells[i].ok()) {
      outcome = Outcome{cells[i].status(), {}};
    } else if (cells[i]->has_value()) {
      outcome = ReadOutcome(*cells[i], commands[i].event.request().fingerprint(), /*parked=*/false);
    }
  }
  co_return outcomes;
}

}  // namespace epigrid
