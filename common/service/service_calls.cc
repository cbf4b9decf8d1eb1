#include "common/service/service_calls.h"

#include "common/rpc/revision.h"

namespace epigrid {

Task<Status> ServiceCalls::AwaitRevision(const Call& call, const std::string& revision) {
  if (revision.empty()) co_return OkStatus();
  EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<ShardPosition> positions,
                              ParseRevision(revision, runtime_.service(), runtime_.shard_count()));
  co_return co_await runtime_.shards().WaitFor(std::move(positions),
                                               clock_.Now() + call.remaining());
}

std::string ServiceCalls::Revision(const std::vector<ShardPosition>& positions) const {
  return MakeRevision(runtime_.service(), positions);
}

Task<Result<std::vector<ShardPosition>>> ServiceCalls::Append(const Call& call,
                                                              std::vector<Command> commands) {
  return runtime_.commands().Append(OriginOf(call), std::move(commands));
}

Task<std::vector<Decision>> ServiceCalls::Decide(const Call& call, std::string request_id,
                                                 std::vector<std::string> contents,
                                                 std::vector<Command> commands) {
  EPIGRID_CHECK(contents.size() == commands.size(), "every command has its content");
  if (request_id.empty()) request_id = MakeId(kRequestId, random_.NextIdBytes());
  for (size_t item = 0; item < commands.size(); ++item) {
    events::v1::RequestKey& key = *commands[item].event.mutable_request();
    key.set_caller(call.caller().name);
    key.set_method(std::string(call.method()));
    key.set_request_id(request_id);
    key.set_item(static_cast<uint32_t>(item));
    key.set_fingerprint(Fingerprint(contents[item]));
  }
  return runtime_.commands().Decide(OriginOf(call), std::move(commands),
                                    clock_.Now() + call.remaining());
}

Origin ServiceCalls::OriginOf(const Call& call) const {
  return {.recorded_at = clock_.Now(),
          .actor = call.caller().name,
          .purpose = "epidemic_control",
          .traceparent = std::string(call.traceparent())};
}

}  // namespace epigrid
