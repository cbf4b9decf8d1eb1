// HealthCodeApi: gRPC to domain. Checks fields, hands evidence to the inbox, reads codes from the
// view.
#pragma once

#include <vector>

#include "common/rpc/pipeline.h"
#include "common/service/service_calls.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"

namespace epigrid::health_code {

inline constexpr size_t kEvidencePerBatchMax = 1000;
inline constexpr size_t kCodesPerBatchMax = 1000;

// Threads: as the pipeline calls it. Outlives the pipeline's drain.
class HealthCodeApi final : public v1::HealthCodeService::AsyncService {
 public:
  // Evidence of what happened longer ago is refused.
  HealthCodeApi(Pipeline& pipeline, ServiceCalls& calls, Duration evidence_age_max);

 private:
  Task<Status> DoRecordEvidence(Call& call, const v1::RecordEvidenceRequest& request,
                                v1::RecordEvidenceResponse& response);
  Task<Status> DoBatchRecordEvidence(Call& call, const v1::BatchRecordEvidenceRequest& request,
                                     v1::BatchRecordEvidenceResponse& response);
  Task<Status> DoGetCode(Call& call, const v1::GetCodeRequest& request,
                         v1::GetCodeResponse& response);
  Task<Status> DoBatchGetCodes(Call& call, const v1::BatchGetCodesRequest& request,
                               v1::BatchGetCodesResponse& response);
  Task<Status> DoListEvidence(Call& call, const v1::ListEvidenceRequest& request,
                              v1::ListEvidenceResponse& response);
  // `as_of`: sampled before the cell was read, so that the code is at least as new as it says.
  v1::Code ShownCode(const std::string& person_id, const std::optional<std::string>& cell,
                     Time as_of) const;

  ServiceCalls& calls_;
  const Duration evidence_age_max_;
};

}  // namespace epigrid::health_code
