#include "common/service/operations_api.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <utility>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/log/log.h"
#include "common/projector/emission.h"
#include "common/projector/shard_projector.h"
#include "common/rpc/fields.h"
#include "common/service/ignored_events.h"
#include "common/service/log_reads.h"
#include "common/service/parked_records.h"
#include "common/service/quiet.h"
#include "common/service/shard_states.h"
#include "common/service/shown_key.h"

namespace epigrid {
namespace {

namespace pb = operations::v1;

constexpr std::string_view kService = "epigrid.operations.v1.OperationsService/";
constexpr int kDigestTriesMax = 5;
// Each count looks through the whole view, and keeps the names of these shards' cells.
constexpr size_t kShardsPerCount = 16;

std::string Full(std::string_view method) { return std::string(kService).append(method); }

Status NoSuchShard(Shard shard, uint32_t shard_count) {
  return InvalidField("SHARD_OUT_OF_RANGE",
                      fmt::format("is {}, must be below {}", shard, shard_count), "shard");
}

// The topics that the service writes.
std::vector<std::string> TopicsOf(const ServiceRuntime& runtime) {
  std::vector<std::string> topics = runtime.fold().publications();
  topics.insert(topics.begin(), InboxTopic(runtime.service()));
  return topics;
}

// How long the oldest record that is not applied has waited.
Task<Result<Duration>> EventAge(ServiceRuntime& runtime, Shard shard, const ShardState& state,
                                Time now) {
  if (state.meta.applied >= state.log_end) co_return Duration(0);
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const std::vector<LogRecord> oldest,
      co_await ReadWhatIsLeft(runtime.log(), {InboxTopic(runtime.service()), shard},
                              state.meta.applied, 1));
  if (oldest.empty()) co_return Duration(0);
  co_return std::max(Duration(0), now - oldest.front().appended_at);
}

// What came of the last rebuilds, as the log's metadata tell.
Task<Status> DescribeRebuilds(ServiceRuntime& runtime, pb::ServiceStatus& status) {
  std::vector<Future<Result<std::map<std::string, std::string>>>> all;
  for (const TopicShard& of :
       AllShards({InboxTopic(runtime.service())}, static_cast<uint32_t>(status.shards_size()))) {
    all.push_back(runtime.log().ShardMetadata(of));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const auto metadata, co_await all[i]);
    const auto rebuilt = metadata.find(std::string(kRebuiltField));
    if (rebuilt == metadata.end()) continue;
    pb::ShardStatus& shown = *status.mutable_shards(static_cast<int>(i));
    shown.set_rebuilt_offset(std::strtoull(rebuilt->second.c_str(), nullptr, 10));
    const auto differs = metadata.find(std::string(kRebuildDiffersField));
    shown.set_rebuild_differed(differs != metadata.end() && differs->second == rebuilt->second);
  }
  co_return OkStatus();
}

Task<Status> DescribeService(ServiceRuntime& runtime, Time now, pb::ServiceStatus& status) {
  status.set_service(runtime.service());
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ShardState> states,
                              co_await ReadShardStates(runtime));
  EPIGRID_CO_ASSIGN_OR_RETURN(const auto owners, co_await runtime.Owners());
  for (Shard shard = 0; shard < states.size(); ++shard) {
    const ShardState& state = states[shard];
    pb::ShardStatus& shown = *status.add_shards();
    shown.set_shard(shard);
    if (const auto owner = owners.find(shard); owner != owners.end()) {
      shown.set_owner(owner->second);
    }
    shown.set_log_end(state.log_end);
    Status problem = state.log_problem;
    if (problem.ok()) {
      const Result<Duration> age = co_await EventAge(runtime, shard, state, now);
      if (age.ok()) {
        shown.set_event_age_ms(age->count() / 1000);
      } else if (age.status().code() == Code::kDataLoss) {
        problem = age.status();
      } else {
        co_return age.status();
      }
    }
    if (!problem.ok()) {
      shown.set_log_problem(fmt::format("{}: {}", problem.reason(), problem.message()));
    }
    if (!state.live.has_value()) continue;
    shown.set_applied(state.meta.applied);
    shown.set_generation(*state.live);
    shown.set_fold_version(state.meta.fold_version);
    if (state.meta.shard_time.is_set()) {
      *shown.mutable_shard_time() = ToProto(state.meta.shard_time);
    }
    const Result<ParkedRecords> parked = co_await ReadParkedRecords(runtime, shard);
    if (parked.ok()) {
      shown.set_parked_count(static_cast<uint32_t>(parked->roots().size()));
    } else if (parked.status().reason() != "VIEW_REBUILDING") {  // that is: there is no view now
      co_return parked.status();
    }
  }
  EPIGRID_CO_RETURN_IF_ERROR(co_await DescribeRebuilds(runtime, status));
  const ProjectorSnapshot snapshot = co_await runtime.Snapshot();
  for (const ProjectedShard& own : snapshot.shards) {
    pb::ShardStatus& shown = *status.mutable_shards(static_cast<int>(own.shard));
    shown.set_building_generation(own.building_generation);
    shown.set_building_applied(own.building_applied);
  }
  co_return OkStatus();
}

// One look at some shards' views: those that did not change under it are set, the others stay.
Task<Status> CountDigests(ServiceRuntime& runtime, std::map<Shard, pb::ShardDigest*>& uncounted) {
  co_await runtime.loop().Sleep(Duration(0));  // the view is used on its loop
  std::vector<ShardGeneration> counted;
  std::map<Shard, Offset> quiet;
  for (const auto& [shard, digest] : uncounted) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const Generation live, runtime.shards().Live(shard));
    EPIGRID_CO_ASSIGN_OR_RETURN(const auto before, co_await runtime.view().Open(shard, live));
    if (!before.has_value()) continue;
    quiet[shard] = before->meta.quiet;
    counted.push_back({shard, live});
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const RedisView::Recounts recounts,
                              co_await runtime.view().RecountDigests(counted));
  for (const auto& [of, recount] : recounts) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const auto after,
                                co_await runtime.view().Open(of.shard, of.generation));
    if (!after.has_value() || after->meta.quiet != quiet[of.shard]) continue;
    pb::ShardDigest& digest = *uncounted.extract(of.shard).mapped();
    digest.set_service(runtime.service());
    digest.set_shard(of.shard);
    digest.set_digest(recount.digest.ToHex());
    digest.set_expected_digest(after->meta.digest.ToHex());
    digest.set_cell_count(recount.cells);
  }
  co_return OkStatus();
}

// Counts again what changed under the count.
Task<Status> DigestShards(ServiceRuntime& runtime, std::map<Shard, pb::ShardDigest*> uncounted) {
  for (int tries = 0; tries < kDigestTriesMax && !uncounted.empty(); ++tries) {
    EPIGRID_CO_RETURN_IF_ERROR(co_await CountDigests(runtime, uncounted));
  }
  if (uncounted.empty()) co_return OkStatus();
  co_return Status(Code::kAborted, "SHARD_BUSY",
                   fmt::format("{} shard {} changed while it was counted: ask when it is quiet",
                               runtime.service(), uncounted.begin()->first));
}

std::string EnvelopeAsJson(const std::string& value) {
  events::v1::Envelope envelope;
  std::string json;
  if (!envelope.ParseFromString(value)) return "";
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!google::protobuf::util::MessageToJsonString(envelope, &json, options).ok()) return "";
  return json;
}

}  // namespace

OperationsApi::OperationsApi(Pipeline& pipeline, const Clock& clock, RandomSource& random,
                             std::vector<ServiceRuntime*> runtimes)
    : clock_(clock), random_(random), runtimes_(std::move(runtimes)) {
  constexpr MethodOptions kSoon{.operators_only = true};
  constexpr MethodOptions kCounts{.default_deadline = std::chrono::minutes(2),
                                  .deadline_max = std::chrono::minutes(10),
                                  .operators_only = true};
  constexpr MethodOptions kWaits{.default_deadline = std::chrono::minutes(1),
                                 .deadline_max = std::chrono::hours(1),
                                 .operators_only = true};
  pipeline.Serve(Full("GetStatus"), this, &OperationsApi::DoGetStatus, kSoon);
  pipeline.Serve(Full("GetDigests"), this, &OperationsApi::DoGetDigests, kCounts);
  pipeline.Serve(Full("RebuildViews"), this, &OperationsApi::DoRebuildViews, kSoon);
  pipeline.Serve(Full("ReadLog"), this, &OperationsApi::DoReadLog, kSoon);
  pipeline.Serve(Full("ListParkedRecords"), this, &OperationsApi::DoListParkedRecords, kSoon);
  pipeline.Serve(Full("RetryParkedRecord"), this, &OperationsApi::DoRetryParkedRecord, kWaits);
  pipeline.Serve(Full("ListIgnoredEvents"), this, &OperationsApi::DoListIgnoredEvents, kSoon);
  pipeline.Serve(Full("AwaitQuiet"), this, &OperationsApi::DoAwaitQuiet, kWaits);
}

Result<std::vector<ServiceRuntime*>> OperationsApi::Named(const std::string& service) const {
  if (service.empty()) return runtimes_;
  for (ServiceRuntime* runtime : runtimes_) {
    if (runtime->service() == service) return std::vector<ServiceRuntime*>{runtime};
  }
  std::vector<std::string> here;
  for (const ServiceRuntime* runtime : runtimes_) here.push_back(runtime->service());
  return NotFound("SERVICE_NOT_HERE",
                  fmt::format("this process runs {} and not that service", fmt::join(here, ", ")))
      .With("field", "service");
}

Task<Status> OperationsApi::DoGetStatus(Call&, const pb::GetStatusRequest& request,
                                        pb::GetStatusResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  for (ServiceRuntime* runtime : runtimes) {
    EPIGRID_CO_RETURN_IF_ERROR(
        co_await DescribeService(*runtime, clock_.Now(), *response.add_services()));
  }
  co_return OkStatus();
}

Task<Status> OperationsApi::DoGetDigests(Call&, const pb::GetDigestsRequest& request,
                                         pb::GetDigestsResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  for (ServiceRuntime* runtime : runtimes) {
    std::map<Shard, pb::ShardDigest*> uncounted;
    for (Shard shard = 0; shard < runtime->shard_count(); ++shard) {
      uncounted[shard] = response.add_digests();
      if (uncounted.size() < kShardsPerCount && shard + 1 < runtime->shard_count()) continue;
      EPIGRID_CO_RETURN_IF_ERROR(co_await DigestShards(*runtime, std::exchange(uncounted, {})));
    }
  }
  co_return OkStatus();
}

Task<Result<std::vector<Offset>>> OperationsApi::AppendToShards(const Call& call,
                                                                ServiceRuntime& runtime,
                                                                std::vector<Shard> shards,
                                                                events::v1::Event event) {
  events::v1::Envelope envelope;
  envelope.set_schema_version(kSchemaVersion);
  *envelope.mutable_recorded_at() = ToProto(clock_.Now());
  envelope.set_actor(call.caller().name);
  envelope.set_purpose("operations");
  envelope.set_traceparent(std::string(call.traceparent()));
  *envelope.add_events() = std::move(event);
  const std::string value = envelope.SerializeAsString();
  std::vector<NewRecord> records;
  for (const Shard shard : shards) {
    records.push_back({.to = {InboxTopic(runtime.service()), shard}, .key = "", .value = value});
  }
  const std::unique_ptr<Producer> producer = runtime.log().NewProducer();
  co_return co_await producer->Append(std::move(records));
}

Task<Status> OperationsApi::DoRebuildViews(Call& call, const pb::RebuildViewsRequest& request,
                                           pb::RebuildViewsResponse& response) {
  if (request.service().empty()) {
    co_return InvalidField("SERVICE_MISSING", "must name the service to rebuild", "service");
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  ServiceRuntime& runtime = *runtimes.front();
  std::vector<Shard> shards(request.shards().begin(), request.shards().end());
  for (const Shard shard : shards) {
    if (shard >= runtime.shard_count()) co_return NoSuchShard(shard, runtime.shard_count());
  }
  if (shards.empty()) {
    shards.resize(runtime.shard_count());
    std::iota(shards.begin(), shards.end(), 0);
  }
  response.set_rebuild_id(MakeId(kRequestId, random_.NextIdBytes()));
  events::v1::Event event;
  event.mutable_rebuild_requested()->set_rebuild_id(response.rebuild_id());
  EPIGRID_LOG_INFO("operations.rebuild", {call.log_context()},
                   {"projector", Safe(runtime.service())}, {"shards", shards.size()},
                   {"rebuild_id", Safe(response.rebuild_id())});
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> offsets,
                              co_await AppendToShards(call, runtime, shards, std::move(event)));
  for (size_t i = 0; i < shards.size(); ++i) {
    pb::RequestedRebuild& requested = *response.add_requests();
    requested.set_shard(shards[i]);
    requested.set_offset(offsets[i]);
  }
  co_return OkStatus();
}

Task<Status> OperationsApi::DoReadLog(Call&, const pb::ReadLogRequest& request,
                                      pb::ReadLogResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const size_t page_size, CheckPageSize(request.page_size()));
  const size_t dot = request.topic().find('.');
  if (dot == 0 || dot == std::string::npos) {
    co_return InvalidField("TOPIC_MALFORMED",
                           "must be a topic of a service, such as health_code.inbox", "topic");
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.topic().substr(0, dot)));
  ServiceRuntime& runtime = *runtimes.front();
  const std::vector<std::string> topics = TopicsOf(runtime);
  if (std::ranges::find(topics, request.topic()) == topics.end()) {
    co_return NotFound("TOPIC_UNKNOWN", fmt::format("is none of the service's topics, which are {}",
                                                    fmt::join(topics, ", ")))
        .With("field", "topic");
  }
  if (request.shard() >= runtime.shard_count()) {
    co_return NoSuchShard(request.shard(), runtime.shard_count());
  }
  const TopicShard from{request.topic(), request.shard()};
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<Offset> starts,
                              co_await runtime.log().Starts({from}));
  const Offset start = starts.front();
  EPIGRID_CO_ASSIGN_OR_RETURN(const Offset end, co_await runtime.log().End(from));
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const std::vector<LogRecord> records,
      co_await (request.tail()
                    ? runtime.log().ReadNewest(from, page_size)
                    : Run(ReadWhatIsLeft(runtime.log(), from, request.after_offset(), page_size))));
  for (const LogRecord& record : records) {
    pb::LogEntry& entry = *response.add_entries();
    entry.set_offset(record.offset);
    *entry.mutable_append_time() = ToProto(record.appended_at);
    entry.set_key(ShownKey(record.key));
    entry.set_envelope_json(EnvelopeAsJson(record.value));
  }
  response.set_log_end(end);
  response.set_log_start(start);
  co_return OkStatus();
}

Task<Status> OperationsApi::DoListParkedRecords(Call&, const pb::ListParkedRecordsRequest& request,
                                                pb::ListParkedRecordsResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  for (ServiceRuntime* runtime : runtimes) {
    EPIGRID_CO_RETURN_IF_ERROR(
        co_await epigrid::ListParkedRecords(*runtime, *response.mutable_records()));
  }
  co_return OkStatus();
}

Task<Status> OperationsApi::DoRetryParkedRecord(Call& call,
                                                const pb::RetryParkedRecordRequest& request,
                                                pb::RetryParkedRecordResponse&) {
  if (request.service().empty()) {
    co_return InvalidField("SERVICE_MISSING", "must name the service", "service");
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  ServiceRuntime& runtime = *runtimes.front();
  if (request.shard() >= runtime.shard_count()) {
    co_return NoSuchShard(request.shard(), runtime.shard_count());
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const ParkedRecords parked,
                              co_await ReadParkedRecords(runtime, request.shard()));
  if (parked.Find(request.offset()) == nullptr) {
    co_return NotFound("RECORD_NOT_PARKED", "no record at this offset is parked: list them first");
  }
  events::v1::Event event;
  event.mutable_unparked()->set_offset(request.offset());
  EPIGRID_LOG_INFO("operations.retry", {call.log_context()}, {"projector", Safe(runtime.service())},
                   {"shard", request.shard()}, {"offset", request.offset()});
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const std::vector<Offset> appended,
      co_await AppendToShards(call, runtime, {request.shard()}, std::move(event)));
  co_return co_await AwaitRetried(runtime, request.shard(), request.offset(), appended.front(),
                                  clock_, clock_.Now() + call.wait_time());
}

Task<Status> OperationsApi::DoListIgnoredEvents(Call&, const pb::ListIgnoredEventsRequest& request,
                                                pb::ListIgnoredEventsResponse& response) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<ServiceRuntime*> runtimes,
                              Named(request.service()));
  for (ServiceRuntime* runtime : runtimes) {
    EPIGRID_CO_RETURN_IF_ERROR(
        co_await ReadIgnoredEvents(*runtime, request.entity(), *response.mutable_events()));
  }
  co_return OkStatus();
}

Task<Status> OperationsApi::DoAwaitQuiet(Call& call, const pb::AwaitQuietRequest& request,
                                         pb::AwaitQuietResponse& response) {
  EPIGRID_CO_RETURN_IF_ERROR(CheckTimestamp(request.due_until_time(), "due_until_time"));
  const Time now = clock_.Now();
  const Time until = request.has_due_until_time() ? FromProto(request.due_until_time()) : now;
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const QuietReport report,
      co_await epigrid::AwaitQuiet(runtimes_, until, clock_, now + call.wait_time()));
  if (!report.waiting_for.empty()) {
    co_return DeadlineExceeded("NOT_QUIET", "not quiet yet: " + report.waiting_for);
  }
  response.set_backed_off_count(report.backed_off);
  if (report.next_attempt.is_set()) {
    *response.mutable_next_attempt_time() = ToProto(report.next_attempt);
  }
  co_return OkStatus();
}

}  // namespace epigrid
