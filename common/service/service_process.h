// What every service's process has around its services, so that main says no more than which they
// are: readiness, the role's part of the work, the operations service, the order of starting.
//
//   int main(int argc, char** argv) {
//     epigrid::Process process("health_code");
//     ...                                                  // configuration
//     epigrid::health_code::App app(config, storage, process);      // calls AddToProcess
//     return epigrid::ServeApps(process, app);
//   }
//
// instance.role: "all" serves calls and folds; "api" only serves calls; "projector" only folds,
// sends and clears up. Each serves operations, health, reflection and the admin pages.
//
// Threads: main's.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <string_view>
#include <vector>

#include "common/app/process.h"
#include "common/base/clock.h"
#include "common/service/operations_api.h"
#include "common/service/service_runtime.h"
#include "common/service/storage_config.h"

namespace epigrid {

// The service's part of the process's readiness and, if its role serves calls, its API. All outlive
// the process's Run.
void AddToProcess(Process& process, const StorageConfig& storage, ServiceRuntime& runtime,
                  grpc::Service& api, std::string_view full_name);

// The operations of the services that run here.
class Operations {
 public:
  Operations(Process& process, std::vector<ServiceRuntime*> runtimes);

 private:
  SystemClock clock_;
  OperationsApi api_;
};

// Starts the apps in this order and serves until told to stop; the exit code. An App has runtime()
// and Start(), and its destructor stops what Start began.
template <typename... Apps>
int ServeApps(Process& process, Apps&... apps) {
  const Operations operations(process, {&apps.runtime()...});
  return process.Run([&] {
    Status started;
    (void)((started = apps.Start(), started.ok()) && ...);
    return started;
  });
}

}  // namespace epigrid
