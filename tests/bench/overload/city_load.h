// CityLoad: what a city's callers send, by class: gates, agencies that report cases, residents'
// apps and imports of check-ins; each kind over connections of its own and with its own token.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "epigrid/contact_tracing/v1/contact_tracing.grpc.pb.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"
#include "tests/bench/overload/open_loop.h"

namespace epigrid::bench {

inline constexpr size_t kCityPeople = 20'000;
inline constexpr size_t kCitySettings = 2'000;
inline constexpr size_t kCheckInsPerImport = 200;

// The token of a caller of this name, and the callers file that knows all of them.
std::string TokenOf(const std::string& name);
std::string CityCallers();

std::string CityPerson(uint64_t i);
std::string CitySetting(uint64_t i);

class CityLoad {
 public:
  // The calls of a caller of that name go over `channels`.
  CityLoad(std::vector<std::shared_ptr<grpc::Channel>> channels, std::string caller);

  // Each begins one call; numbers make them differ.
  void CheckCode(uint64_t number, OpenLoop::Ended ended);
  void ReportCase(uint64_t number, OpenLoop::Ended ended);
  void CheckIn(uint64_t number, OpenLoop::Ended ended);
  void ImportCheckIns(uint64_t number, OpenLoop::Ended ended);

 private:
  template <typename Request, typename Response>
  struct Pending;
  template <typename Async, typename Request, typename Response>
  void Send(Async& stub,
            void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                  std::function<void(grpc::Status)>),
            const Request& request, OpenLoop::Ended ended);
  size_t Place(uint64_t number) const { return number % health_code_.size(); }

  const std::string authorization_;
  std::vector<std::unique_ptr<health_code::v1::HealthCodeService::Stub>> health_code_;
  std::vector<std::unique_ptr<contact_tracing::v1::ContactTracingService::Stub>> contact_tracing_;
};

}  // namespace epigrid::bench
