#include "services/health_code/domain/exposure_limit.h"

#include <tuple>

#include "common/base/proto_time.h"

namespace epigrid::health_code {

std::string ExposureToLetGo(const std::map<std::string, events::v1::ExposureChanged>& exposures) {
  if (exposures.size() <= kExposuresMax) return {};
  const auto weight = [](const events::v1::ExposureChanged& exposure) {
    return std::tuple(exposure.ongoing(),
                      exposure.exposure_class() == contact_tracing::v1::EXPOSURE_CLASS_CLOSE,
                      FromProto(exposure.last_time()));
  };
  const auto* least = &*exposures.begin();
  for (const auto& one : exposures) {
    if (weight(one.second) < weight(least->second)) least = &one;
  }
  return least->first;
}

}  // namespace epigrid::health_code
