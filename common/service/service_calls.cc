#include "common/service/service_calls.h"

#include "common/base/sha256.h"
#include "common/rpc/revision.h"

namespace epigrid {

Task<Status> ServiceCalls::AwaitRevision(const Call& call, const std::string& revision) {
  if (revision.empty()) co_return OkStatus();
  EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<ShardPosition> positions,
                              ParseRevision(revision, runtime_.service(), runtime_.shard_count()));
  co_return co_await runtime_.shards().WaitFor(std::move(positions),
                                               clock_.Now() + call.wait_time());
}

std::string ServiceCalls::Revision(const std::vector<ShardPosition>& positions) const {
  return MakeRevision(runtime_.service(), positions);
}

Task<Result<std::vector<ShardPosition>>> ServiceCalls::Append(const Call& call,
                                                              std::vector<Command> commands) {
  return runtime_.commands().Append(OriginOf(call), std::move(commands));
}

Task<std::vector<Decision>> ServiceCalls::Decide(const Call& call, std::string request_id,
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
  return runtime_.commands().Decide(OriginOf(call), std::move(commands),
                                    clock_.Now() + call.wait_time());
}

Origin ServiceCalls::OriginOf(const Call& call) const {
  return {.recorded_at = clock_.Now(),
          .actor = call.caller().name,
          .purpose = "epidemic_control",
          .traceparent = std::string(call.traceparent())};
}

}  // namespace epigrid
