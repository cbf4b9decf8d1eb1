#include "common/service/service_process.h"

namespace epigrid {
namespace {

constexpr std::string_view kOperations = "operations";

}  // namespace

void AddToProcess(Process& process, const StorageConfig& storage, ServiceRuntime& runtime,
                  grpc::Service& api, std::string_view full_name) {
  process.readiness().Add(runtime.service());
  runtime.OnReadiness([&process, &runtime](std::string_view why_not) {
    process.readiness().Set(runtime.service(), why_not);
  });
  process.OnStopBegins([&runtime] { runtime.HandOver(); });
  runtime.GiveUpStartWhen([&process] { return process.StopRequested(); });
  if (storage.serves_calls()) process.AddService(api, full_name, runtime.service());
}

Operations::Operations(Process& process, std::vector<ServiceRuntime*> runtimes)
    : api_(process.pipeline(), clock_, process.random(), std::move(runtimes)) {
  process.readiness().Add(kOperations);
  process.readiness().SetReady(kOperations);
  process.AddService(api_, operations::v1::OperationsService::service_full_name(), kOperations);
}

}  // namespace epigrid
