#include "common/service/service_calls.h"

#include "common/base/sha256.h"
#include "common/rpc/revision.h"

namespace epigrid {

Task<Status> ServiceCalls::AwaitRevision(Call& call, const std::string& revision) {
  if (revision.empty()) co_return OkStatus();
  call.HandOver();
  EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<ShardPosition> positions,
                              ParseRevision(revision, runtime_.service(), runtime_.shard_count()));
  co_return co_await runtime_.shards().WaitFor(std::move(positions),
                                               clock_.Now() + call.wait_time());
}

std::string ServiceCalls::Revision(const std::vector<ShardPosition>& positions) const {
  return MakeRevision(runtime_.service(), positions);
}

Task<Result<std::vector<ShardPosition>>> ServiceCalls::Append(Call& call,
                                                              std::vector<Command> commands) {
  call.HandOver();
  FoldGate& gate = runtime_.fold_gate();
  EPIGRID_CO_ASSIGN_OR_RETURN(
      FoldGate::Place place,
      co_await gate.Enter(call.work(), FoldGate::Kind::kObserved, ShardsOf(commands)));
  Result<std::vector<ShardPosition>> appended =
      co_await runtime_.commands().Append(OriginOf(call), std::move(commands));
  if (appended.ok()) gate.AwaitFolded(std::move(place), *appended);
  co_return appended;
}

Task<std::vector<Decision>> ServiceCalls::Decide(Call& call, std::string request_id,
                                                 std::vector<Asked> asked) {
  if (request_id.empty()) request_id = MakeId(kRequestId, random_.NextIdBytes());
  std::vector<Command> commands;
  for (Asked& one : asked) {
    events::v1::RequestKey& key = *one.command.event.mutable_request();
    key.set_caller(call.caller().name);
    key.set_method(std::string(call.method()));
    key.set_request_id(request_id);
    key.set_item(static_cast<uint32_t>(one.item));
    key.set_fingerprint(Sha256(one.content));
    commands.push_back(std::move(one.command));
  }
  call.HandOver();
  FoldGate& gate = runtime_.fold_gate();
  Result<FoldGate::Place> place =
      co_await gate.Enter(call.work(), FoldGate::Kind::kDecided, ShardsOf(commands));
  if (!place.ok()) {
    co_return std::vector<Decision>(commands.size(), Decision{{place.status(), {}}, {}});
  }
  std::vector<Decision> decisions = co_await runtime_.commands().Decide(
      OriginOf(call), std::move(commands), clock_.Now() + call.wait_time());
  gate.AwaitFolded(*std::move(place), decisions);
  co_return decisions;
}

std::vector<Shard> ServiceCalls::ShardsOf(const std::vector<Command>& commands) const {
  std::vector<Shard> shards;
  shards.reserve(commands.size());
  for (const Command& command : commands) {
    shards.push_back(runtime_.shards().ShardOf(command.entity));
  }
  return shards;
}

Origin ServiceCalls::OriginOf(const Call& call) const {
  return {.recorded_at = clock_.Now(),
          .actor = call.caller().name,
          .purpose = "epidemic_control",
          .traceparent = std::string(call.traceparent())};
}

}  // namespace epigrid
