#include "tests/bench/overload/city_load.h"

#include <fmt/format.h>
#include <grpcpp/client_context.h>

#include "common/base/hex.h"
#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/base/sha256.h"

namespace epigrid::bench {
namespace {

namespace ct = contact_tracing::v1;
namespace hc = health_code::v1;

constexpr auto kDeadline = std::chrono::seconds(10);
// Prime: neighbours in the order of the calls are strangers in the order of the people.
constexpr uint64_t kStride = 7'919;

void FillCheckIn(uint64_t unique, const char* source, ct::PresenceObservation& observation) {
  observation.set_source(source);
  observation.set_source_id(std::to_string(unique));
  observation.set_person_id(CityPerson(unique));
  ct::CheckIn& check_in = *observation.mutable_check_in();
  check_in.set_setting_id(CitySetting(unique * 31));
  // One after the other, three hours apart, over ten days, and then what lies between.
  constexpr std::chrono::minutes kApart(173), kDays(10 * 24 * 60);
  const auto ago = static_cast<int64_t>(unique / kCityPeople) * kApart;
  *check_in.mutable_start_time() = ToProto(SystemClock().Now() - std::chrono::minutes(5) -
                                           ago % kDays - ago / kDays * std::chrono::minutes(11));
}

}  // namespace

std::string TokenOf(const std::string& name) { return name + "-token-of-the-bench"; }

std::string CityCallers() {
  std::string text = "version: 1\ncallers:\n";
  const std::pair<const char*, const char*> callers[] = {{"gate", "GATE"},
                                                         {"agency", "AGENCY"},
                                                         {"resident", "RESIDENT"},
                                                         {"import", "BULK"},
                                                         {"operator", "OPERATOR"}};
  for (const auto& [name, caller_class] : callers) {
    text += fmt::format(
        "  - {{name: {}, agency: city, class: {}, methods: ['*'], credentials: [{{token_sha256: "
        "{}}}]}}\n",
        name, caller_class, ToHex(Sha256(TokenOf(name))));
  }
  return text;
}

std::string CityPerson(uint64_t i) {
  return DeriveId(kPersonId, {"overload", std::to_string(i % kCityPeople)});
}

std::string CitySetting(uint64_t i) {
  return DeriveId(kSettingId, {"overload", std::to_string(i % kCitySettings)});
}

CityLoad::CityLoad(std::vector<std::shared_ptr<grpc::Channel>> channels, std::string caller)
    : authorization_("Bearer " + TokenOf(caller)) {
  for (const auto& channel : channels) {
    health_code_.push_back(hc::HealthCodeService::NewStub(channel));
    contact_tracing_.push_back(ct::ContactTracingService::NewStub(channel));
  }
}

template <typename Request, typename Response>
struct CityLoad::Pending {
  grpc::ClientContext context;
  Request request;
  Response response;
  OpenLoop::Ended ended;
};

template <typename Async, typename Request, typename Response>
void CityLoad::Send(Async& stub,
                    void (Async::*method)(grpc::ClientContext*, const Request*, Response*,
                                          std::function<void(grpc::Status)>),
                    const Request& request, OpenLoop::Ended ended) {
  auto pending = std::make_unique<Pending<Request, Response>>();
  pending->context.AddMetadata("authorization", authorization_);
  pending->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  pending->request = request;
  pending->ended = std::move(ended);
  auto* const sent = pending.release();
  (stub.*method)(&sent->context, &sent->request, &sent->response,
                 [sent](const grpc::Status& status) {
                   sent->ended(status);
                   delete sent;
                 });
}

void CityLoad::CheckCode(uint64_t number, OpenLoop::Ended ended) {
  hc::GetCodeRequest request;
  request.set_person_id(CityPerson(number * kStride));
  using Async = hc::HealthCodeService::StubInterface::async_interface;
  Send<Async>(*health_code_[Place(number)]->async(), &Async::GetCode, request, std::move(ended));
}

void CityLoad::ReportCase(uint64_t number, OpenLoop::Ended ended) {
  ct::ReportCaseRequest request;
  // Of somebody who was nowhere: what a report itself takes.
  request.set_person_id(DeriveId(kPersonId, {"case", std::to_string(number)}));
  request.set_state(ct::CASE_STATE_REPORTED);
  *request.mutable_sampled_time() = ToProto(SystemClock().Now() - std::chrono::hours(5));
  using Async = ct::ContactTracingService::StubInterface::async_interface;
  Send<Async>(*contact_tracing_[Place(number)]->async(), &Async::ReportCase, request,
              std::move(ended));
}

void CityLoad::CheckIn(uint64_t number, OpenLoop::Ended ended) {
  ct::RecordPresenceRequest request;
  FillCheckIn(number, "app", *request.mutable_observation());
  using Async = ct::ContactTracingService::StubInterface::async_interface;
  Send<Async>(*contact_tracing_[Place(number)]->async(), &Async::RecordPresence, request,
              std::move(ended));
}

void CityLoad::ImportCheckIns(uint64_t number, OpenLoop::Ended ended) {
  ct::BatchRecordPresencesRequest request;
  for (uint64_t k = 0; k < kCheckInsPerImport; ++k) {
    FillCheckIn(number * kCheckInsPerImport + k, "import", *request.add_observations());
  }
  using Async = ct::ContactTracingService::StubInterface::async_interface;
  Send<Async>(*contact_tracing_[Place(number)]->async(), &Async::BatchRecordPresences, request,
              std::move(ended));
}

}  // namespace epigrid::bench
