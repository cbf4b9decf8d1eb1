// ServiceCalls: the steps that the handlers of every service share, between the pipeline and the
// projector.
//
//   EPIGRID_CO_RETURN_IF_ERROR(co_await calls_.AwaitRevision(call, request.revision()));    // a query
//
//   auto appended = co_await calls_.Append(call, std::move(commands));                      // observations
//   response.set_revision(calls_.Revision(*appended));
//
//   std::vector<Decision> decisions = co_await calls_.Decide(call, request.request_id(), std::move(asked));
//
// Threads: any; the runtime outlives it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/rpc/call.h"
#include "common/service/service_runtime.h"

namespace epigrid {

// A decided command as it was asked for.
struct Asked {
  size_t item = 0;      // its place in the request; 0 where there is but one
  std::string content;  // by which the same item is known that is sent again
  Command command;
};

class ServiceCalls {
 public:
  ServiceCalls(ServiceRuntime& runtime, const Clock& clock, RandomSource& random)
      : runtime_(runtime), clock_(clock), random_(random) {}

  Time Now() const { return clock_.Now(); }
  RandomSource& random() { return random_; }
  ShardTable& shards() { return runtime_.shards(); }
  const CellQuery& cells() const { return runtime_.cells(); }

  // Waits until what the revision names has been applied. Empty: at once. REVISION_MALFORMED,
  // REVISION_OF_ANOTHER_SERVICE, REVISION_NOT_YET_APPLIED.
  Task<Status> AwaitRevision(Call& call, const std::string& revision);
  std::string Revision(const std::vector<ShardPosition>& positions) const;

  // Observations: where they are in the log. FOLD_BUSY, PROJECTOR_BEHIND: fold_gate.h.
  Task<Result<std::vector<ShardPosition>>> Append(Call& call, std::vector<Command> commands);

  // Decided commands, one decision for each. Their request keys are made here: the caller, the
  // method, the request_id (random if the client sent none), the item's place and the fingerprint
  // of the item's content. FOLD_BUSY and PROJECTOR_BEHIND too.
  Task<std::vector<Decision>> Decide(Call& call, std::string request_id, std::vector<Asked> asked);

 private:
  Origin OriginOf(const Call& call) const;
  std::vector<Shard> ShardsOf(const std::vector<Command>& commands) const;

  ServiceRuntime& runtime_;
  const Clock& clock_;
  RandomSource& random_;
};

}  // namespace epigrid
