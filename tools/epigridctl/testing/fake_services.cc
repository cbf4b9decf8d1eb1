#include "tools/epigridctl/testing/fake_services.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "common/base/ids.h"
#include "common/rpc/status_details.h"
#include "epigrid/contact_tracing/v1/contact_tracing.grpc.pb.h"
#include "epigrid/health_code/v1/health_code.grpc.pb.h"
#include "epigrid/identity/v1/identity.grpc.pb.h"
#include "epigrid/operations/v1/operations.grpc.pb.h"
#include "tools/epigridctl/testing/fake_reflection.h"

namespace epigrid::ctl {

// Finishes calls, notes what came.
class Recorder {
 public:
  explicit Recorder(FakeServices& fake) : fake_(fake) {}

  grpc::ServerUnaryReactor* Serve(grpc::CallbackServerContext* context, const std::string& method,
                                  const std::function<Status(Taken&)>& work) {
    Status status = fake_.before ? fake_.before(method) : OkStatus();
    if (status.ok()) {
      const std::lock_guard lock(mutex);
      ++taken.calls[method];
      taken.time_left[method] = std::chrono::duration_cast<Duration>(
          context->deadline() - std::chrono::system_clock::now());
      status = work(taken);
    }
    if (status.ok() && fake_.after) status = fake_.after(method);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }

  Status Item(const std::string& key) const { return fake_.item ? fake_.item(key) : OkStatus(); }

  // One content under one request_id.
  void NoteRequest(Taken& to, const std::string& request_id, std::string content) {
    const auto [entry, is_new] = requests_.try_emplace(request_id, content);
    if (!is_new && entry->second != content) to.conflicts.push_back("request_id " + request_id);
  }

  template <typename Value>
  static void Keep(Taken& to, std::map<std::string, Value>& map, const std::string& key,
                   const Value& value) {
    const auto [entry, is_new] = map.try_emplace(key, value);
    if (!is_new && entry->second.SerializeAsString() != value.SerializeAsString()) {
      to.conflicts.push_back(key);
    }
  }

  std::mutex mutex;
  Taken taken;
  FakeServices& fake_;

 private:
  std::map<std::string, std::string> requests_;
};

class FakeIdentity final : public identity::v1::IdentityService::CallbackService {
 public:
  explicit FakeIdentity(Recorder& recorder) : recorder_(recorder) {}

  grpc::ServerUnaryReactor* BatchRegisterPersons(
      grpc::CallbackServerContext* context,
      const identity::v1::BatchRegisterPersonsRequest* request,
      identity::v1::BatchRegisterPersonsResponse* response) override {
    return recorder_.Serve(context, "BatchRegisterPersons", [=, this](Taken& taken) {
      recorder_.NoteRequest(taken, request->request_id(), request->SerializeAsString());
      for (const auto& registration : request->registrations()) {
        const std::string& number = registration.document().number();
        auto& result = *response->add_results();
        const Status status = recorder_.Item(number);
        SetProtoStatus(status, result.mutable_status());
        if (!status.ok()) continue;
        const auto [entry, is_new] =
            taken.person_ids.try_emplace(number, DeriveId(kPersonId, {"fake", number}));
        result.set_person_id(entry->second);
        result.set_created(is_new);
        Recorder::Keep(taken, taken.people, entry->second, registration);
      }
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* BatchUpdateMemberships(
      grpc::CallbackServerContext* context,
      const identity::v1::BatchUpdateMembershipsRequest* request,
      identity::v1::BatchUpdateMembershipsResponse* response) override {
    return recorder_.Serve(context, "BatchUpdateMemberships", [=, this](Taken& taken) {
      recorder_.NoteRequest(taken, request->request_id(), request->SerializeAsString());
      for (const auto& membership : request->memberships()) {
        taken.memberships[{membership.household_id(), membership.person_id()}] = membership;
        taken.regions[membership.household_id()] = membership.region_code();
        response->add_results();
      }
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* UpdatePerson(grpc::CallbackServerContext* context,
                                         const identity::v1::UpdatePersonRequest* request,
                                         identity::v1::UpdatePersonResponse*) override {
    return recorder_.Serve(context, "UpdatePerson", [=, this](Taken& taken) {
      recorder_.NoteRequest(taken, request->request_id(), request->SerializeAsString());
      if (!taken.people.contains(request->guardian_person_id())) {
        return NotFound("GUARDIAN_UNKNOWN", "there is no person with the guardian's id");
      }
      taken.guardians[request->person_id()] = request->guardian_person_id();
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* GetPerson(grpc::CallbackServerContext* context,
                                      const identity::v1::GetPersonRequest* request,
                                      identity::v1::GetPersonResponse* response) override {
    return recorder_.Serve(context, "GetPerson", [=](Taken& taken) {
      if (!taken.people.contains(request->person_id())) {
        return NotFound("PERSON_UNKNOWN", "there is no person with this id")
            .With("field", "person_id");
      }
      identity::v1::Person& person = *response->mutable_person();
      person.set_person_id(request->person_id());
      person.set_document_type(identity::v1::DOCUMENT_TYPE_PASSPORT);
      return OkStatus();
    });
  }

 private:
  Recorder& recorder_;
};

class FakeTracing final : public contact_tracing::v1::ContactTracingService::CallbackService {
 public:
  explicit FakeTracing(Recorder& recorder) : recorder_(recorder) {}

  grpc::ServerUnaryReactor* BatchUpdateSettings(
      grpc::CallbackServerContext* context,
      const contact_tracing::v1::BatchUpdateSettingsRequest* request,
      contact_tracing::v1::BatchUpdateSettingsResponse* response) override {
    return recorder_.Serve(context, "BatchUpdateSettings", [=, this](Taken& taken) {
      recorder_.NoteRequest(taken, request->request_id(), request->SerializeAsString());
      for (const auto& setting : request->settings()) {
        taken.settings[setting.setting_id()] = setting;
        response->add_results()->set_setting_id(setting.setting_id());
      }
      return OkStatus();
    });
  }

  grpc::ServerUnaryReactor* BatchRecordPresences(
      grpc::CallbackServerContext* context,
      const contact_tracing::v1::BatchRecordPresencesRequest* request,
      contact_tracing::v1::BatchRecordPresencesResponse* response) override {
    return recorder_.Serve(context, "BatchRecordPresences", [=, this](Taken& taken) {
      for (int i = 0; i < request->observations_size(); ++i) {
        const auto& observation = request->observations(i);
        if (const Status status = recorder_.Item(observation.source_id()); !status.ok()) {
          auto& rejected = *response->add_rejected();
          rejected.set_index(static_cast<uint32_t>(i));
          SetProtoStatus(status, rejected.mutable_status());
          continue;
        }
        Recorder::Keep(taken, taken.presences, observation.source_id(), observation);
        response->set_accepted_count(response->accepted_count() + 1);
      }
      return OkStatus();
    });
  }

 private:
  Recorder& recorder_;
};

class FakeHealthCode final : public health_code::v1::HealthCodeService::CallbackService {
 public:
  explicit FakeHealthCode(Recorder& recorder) : recorder_(recorder) {}

  grpc::ServerUnaryReactor* BatchRecordEvidence(
      grpc::CallbackServerContext* context,
      const health_code::v1::BatchRecordEvidenceRequest* request,
      health_code::v1::BatchRecordEvidenceResponse* response) override {
    return recorder_.Serve(context, "BatchRecordEvidence", [=](Taken& taken) {
      for (const auto& evidence : request->evidence()) {
        Recorder::Keep(taken, taken.evidence, evidence.source_id(), evidence);
      }
      response->set_accepted_count(static_cast<uint32_t>(request->evidence_size()));
      return OkStatus();
    });
  }

 private:
  Recorder& recorder_;
};

class FakeOperations final : public operations::v1::OperationsService::CallbackService {
 public:
  explicit FakeOperations(Recorder& recorder) : recorder_(recorder) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const operations::v1::GetStatusRequest*,
                                      operations::v1::GetStatusResponse* response) override {
    return recorder_.Serve(context, "GetStatus", [=, this](Taken&) {
      if (recorder_.fake_.status) *response = recorder_.fake_.status();
      return OkStatus();
    });
  }
  grpc::ServerUnaryReactor* GetDigests(grpc::CallbackServerContext* context,
                                       const operations::v1::GetDigestsRequest*,
                                       operations::v1::GetDigestsResponse* response) override {
    *response = recorder_.fake_.digests;
    return recorder_.Serve(context, "GetDigests", [](Taken&) { return OkStatus(); });
  }
  grpc::ServerUnaryReactor* RebuildViews(grpc::CallbackServerContext* context,
                                         const operations::v1::RebuildViewsRequest* request,
                                         operations::v1::RebuildViewsResponse* response) override {
    response->set_rebuild_id("request_1");
    for (const uint32_t shard : request->shards()) {
      operations::v1::RequestedRebuild& requested = *response->add_requests();
      requested.set_shard(shard);
      requested.set_offset(101);
    }
    return recorder_.Serve(context, "RebuildViews", [](Taken&) { return OkStatus(); });
  }
  grpc::ServerUnaryReactor* ListParkedRecords(
      grpc::CallbackServerContext* context, const operations::v1::ListParkedRecordsRequest*,
      operations::v1::ListParkedRecordsResponse* response) override {
    *response = recorder_.fake_.parked;
    return recorder_.Serve(context, "ListParkedRecords", [](Taken&) { return OkStatus(); });
  }
  grpc::ServerUnaryReactor* RetryParkedRecord(
      grpc::CallbackServerContext* context, const operations::v1::RetryParkedRecordRequest* request,
      operations::v1::RetryParkedRecordResponse*) override {
    return recorder_.Serve(context, "RetryParkedRecord", [=](Taken&) {
      if (request->offset() == 7) return OkStatus();
      return NotFound("RECORD_NOT_PARKED", "no record at this offset is parked: list them first");
    });
  }
  grpc::ServerUnaryReactor* ListIgnoredEvents(
      grpc::CallbackServerContext* context, const operations::v1::ListIgnoredEventsRequest* request,
      operations::v1::ListIgnoredEventsResponse* response) override {
    for (const operations::v1::IgnoredEvent& event : recorder_.fake_.ignored) {
      const bool asked_for =
          request->entity().empty() ||
          std::ranges::find(event.entities(), request->entity()) != event.entities().end();
      if (asked_for) *response->add_events() = event;
    }
    return recorder_.Serve(context, "ListIgnoredEvents", [](Taken&) { return OkStatus(); });
  }
  grpc::ServerUnaryReactor* AwaitQuiet(grpc::CallbackServerContext* context,
                                       const operations::v1::AwaitQuietRequest*,
                                       operations::v1::AwaitQuietResponse* response) override {
    *response = recorder_.fake_.quiet;
    return recorder_.Serve(context, "AwaitQuiet", [](Taken&) { return OkStatus(); });
  }
  grpc::ServerUnaryReactor* ReadLog(grpc::CallbackServerContext* context,
                                    const operations::v1::ReadLogRequest* request,
                                    operations::v1::ReadLogResponse* response) override {
    return recorder_.Serve(context, "ReadLog", [=, this](Taken&) {
      const auto& log = recorder_.fake_.log;
      const auto page = static_cast<size_t>(request->page_size());
      const size_t tail_from = log.size() > page ? log.size() - page : 0;
      for (size_t i = request->tail() ? tail_from : 0; i < log.size(); ++i) {
        if (response->entries_size() == request->page_size()) break;
        if (request->tail() || log[i].offset() > request->after_offset()) {
          *response->add_entries() = log[i];
        }
      }
      response->set_log_end(log.empty() ? 0 : log.back().offset());
      return OkStatus();
    });
  }

 private:
  Recorder& recorder_;
};

class FakeServices::Impl {
 public:
  explicit Impl(FakeServices& fake)
      : recorder(fake),
        identity_(recorder),
        tracing_(recorder),
        health_code_(recorder),
        operations_(recorder) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{
             &identity_, &tracing_, &health_code_, &operations_, &reflection_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    EPIGRID_CHECK(server_ != nullptr, "a free port can be listened on");
  }
  ~Impl() { server_->Shutdown(std::chrono::system_clock::now()); }

  Recorder recorder;
  int port = 0;

 private:
  FakeIdentity identity_;
  FakeTracing tracing_;
  FakeHealthCode health_code_;
  FakeOperations operations_;
  FakeReflection reflection_;
  std::unique_ptr<grpc::Server> server_;
};

FakeServices::FakeServices() : impl_(std::make_unique<Impl>(*this)) {}
FakeServices::~FakeServices() = default;

std::string FakeServices::address() const { return fmt::format("127.0.0.1:{}", impl_->port); }

Taken FakeServices::GetTaken() const {
  const std::lock_guard lock(impl_->recorder.mutex);
  return impl_->recorder.taken;
}

}  // namespace epigrid::ctl
