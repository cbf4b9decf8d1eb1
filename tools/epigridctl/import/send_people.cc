#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <semaphore>

#include "common/base/proto_time.h"
#include "common/rpc/status_details.h"
#include "epigrid/identity/v1/identity.pb.h"
#include "tools/epigridctl/import/senders.h"
#include "tools/epigridctl/import/sending.h"

namespace epigrid::ctl {
namespace {

namespace pb = identity::v1;

constexpr std::string_view kIdentity = "identity";
constexpr char kRegister[] = "/epigrid.identity.v1.IdentityService/BatchRegisterPersons";
constexpr char kMemberships[] = "/epigrid.identity.v1.IdentityService/BatchUpdateMemberships";
constexpr char kPerson[] = "/epigrid.identity.v1.IdentityService/UpdatePerson";
// Calls for single people at once, in all batches together: below what servers allow a caller.
constexpr int kSingleCallsMax = 48;
// 2000-01-01T00:00:00Z: of who lives somewhere since nobody knows when. Before anything that is
// kept.
constexpr Time kSinceEver = Time::FromSeconds(946'684'800);

// Lets batches pass in their order.
class Turnstile {
 public:
  void WaitFor(uint64_t number) {
    std::unique_lock lock(mutex_);
    passed_.wait(lock, [&] { return next_ == number; });
  }
  void Pass(uint64_t number) {
    WaitFor(number);
    const std::lock_guard lock(mutex_);
    next_ = number + 1;
    passed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable passed_;
  uint64_t next_ = 0;
};

// What is known of a batch's people while it is sent.
struct People {
  const BatchRows<PersonRow>& batch;
  std::vector<Status> statuses;  // one for each row
  std::vector<std::string> ids;  // empty: not registered
};

Result<pb::Registration> Convert(const PersonRow& row) {
  pb::Registration registration;
  pb::DocumentType type = pb::DOCUMENT_TYPE_UNSPECIFIED;
  if (!pb::DocumentType_Parse("DOCUMENT_TYPE_" + row.document_type, &type) ||
      type == pb::DOCUMENT_TYPE_UNSPECIFIED) {
    return InvalidArgument("IMPORT_VALUE_INVALID", "column document_type is no known kind")
        .With("field", "document_type");
  }
  registration.mutable_document()->set_type(type);
  registration.mutable_document()->set_number(row.document_number);
  registration.mutable_document()->set_issuer(row.document_issuer);
  registration.set_name(row.name);
  registration.set_language(row.language);
  if (!row.contact_endpoint.empty()) {
    pb::ContactPoint& contact = *registration.add_contact_points();
    contact.set_endpoint(row.contact_endpoint);
    contact.set_address(row.contact_address);
  }
  return registration;
}

class PeopleSender final : public RowSender<PersonRow> {
 public:
  explicit PeopleSender(const SendContext& context) : context_(context) {}

  Result<std::vector<Status>> Send(const BatchRows<PersonRow>& batch) override {
    People people{.batch = batch,
                  .statuses = std::vector<Status>(batch.rows.size()),
                  .ids = std::vector<std::string>(batch.rows.size())};
    Status status = Register(people);
    if (context_.servers == nullptr) return std::move(people.statuses);
    // In the order of the file: which of two rows with one key is the first, and that a guardian is
    // known before the dependants of later batches are linked.
    turnstile_.WaitFor(batch.number);
    if (status.ok()) status = KeepIds(people);
    turnstile_.Pass(batch.number);
    EPIGRID_RETURN_IF_ERROR(status);
    EPIGRID_RETURN_IF_ERROR(TellMemberships(people));
    EPIGRID_RETURN_IF_ERROR(TellGuardians(people));
    return std::move(people.statuses);
  }

 private:
  Status Register(People& people) {
    pb::BatchRegisterPersonsRequest request;
    std::vector<size_t> rows;
    for (size_t i = 0; i < people.batch.rows.size(); ++i) {
      Result<pb::Registration> registration = Convert(people.batch.rows[i].row);
      people.statuses[i] = registration.status();
      if (!registration.ok()) continue;
      *request.add_registrations() = *std::move(registration);
      rows.push_back(i);
    }
    if (rows.empty() || context_.servers == nullptr) return OkStatus();
    request.set_request_id(RequestId(context_, "register", people.batch.begin, request));
    pb::BatchRegisterPersonsResponse response;
    const auto check = [&response] {
      for (const pb::RegistrationResult& result : response.results()) {
        Status status = FromProtoStatus(result.status());
        if (IsWorthRetrying(status)) return status;
      }
      return OkStatus();
    };
    EPIGRID_RETURN_IF_ERROR(
        CallUntilAnswered(context_, kIdentity, kRegister, request, &response, check));
    if (static_cast<size_t>(response.results_size()) != rows.size()) return AnswerMalformed();
    for (size_t n = 0; n < rows.size(); ++n) {
      const pb::RegistrationResult& result = response.results(static_cast<int>(n));
      people.statuses[rows[n]] = FromProtoStatus(result.status());
      people.ids[rows[n]] = result.person_id();
    }
    return OkStatus();
  }

  Status KeepIds(People& people) {
    for (size_t i = 0; i < people.ids.size(); ++i) {
      if (people.ids[i].empty()) continue;
      Status status = context_.keys->Add(people.batch.rows[i].row.person, people.ids[i]);
      if (status.ok()) continue;
      if (status.reason() != "PERSON_KEY_TAKEN") return status;
      people.statuses[i] = std::move(status);
      people.ids[i].clear();
    }
    return OkStatus();
  }

  Status TellMemberships(People& people) {
    pb::BatchUpdateMembershipsRequest request;
    std::vector<size_t> rows;
    for (size_t i = 0; i < people.ids.size(); ++i) {
      const PersonRow& row = people.batch.rows[i].row;
      if (people.ids[i].empty() || row.household.empty()) continue;
      pb::Membership& membership = *request.add_memberships();
      membership.set_household_id(IdOfKey(context_, kHouseholdId, row.household));
      membership.set_person_id(people.ids[i]);
      *membership.mutable_from_time() =
          ToProto(row.household_from_time.is_set() ? row.household_from_time : kSinceEver);
      membership.set_region_code(row.region_code);
      rows.push_back(i);
    }
    if (rows.empty()) return OkStatus();
    request.set_request_id(RequestId(context_, "memberships", people.batch.begin, request));
    pb::BatchUpdateMembershipsResponse response;
    EPIGRID_RETURN_IF_ERROR(
        CallUntilAnswered(context_, kIdentity, kMemberships, request, &response,
                          [&response] { return FirstPassing(response.results()); }));
    if (static_cast<size_t>(response.results_size()) != rows.size()) return AnswerMalformed();
    for (size_t n = 0; n < rows.size(); ++n) {
      const Status status = FromProtoStatus(response.results(static_cast<int>(n)));
      Note(people, rows[n], "registered, but not in the household", status);
    }
    return OkStatus();
  }

  Status TellGuardians(People& people) {
    std::vector<size_t> dependants;
    for (size_t i = 0; i < people.ids.size(); ++i) {
      if (!people.ids[i].empty() && !people.batch.rows[i].row.guardian.empty()) {
        dependants.push_back(i);
      }
    }
    return ForEach(dependants.size(), [&](size_t n) {
      const size_t row = dependants[n];
      constexpr std::string_view kWithout = "registered, but without the guardian";
      const Result<std::string> guardian = PersonOfKey(
          context_, people.batch.rows[row].row.guardian, "guardian", "GUARDIAN_KEY_UNKNOWN");
      if (!guardian.ok()) return NoteAnswer(people, row, kWithout, guardian.status());
      pb::UpdatePersonRequest request;
      request.set_person_id(people.ids[row]);
      request.set_guardian_person_id(*guardian);
      request.set_request_id(RequestId(context_, "guardian", people.batch.begin, request));
      pb::UpdatePersonResponse response;
      return NoteAnswer(people, row, kWithout, CallAlone(kPerson, request, &response));
    });
  }

  Status CallAlone(const std::string& method, const google::protobuf::Message& request,
                   google::protobuf::Message* response) {
    single_calls_.acquire();
    const Status status = CallUntilAnswered(context_, kIdentity, method, request, response);
    single_calls_.release();
    return status;
  }

  // A call's error is the row's if the row is to blame, else the import's.
  static Status NoteAnswer(People& people, size_t row, std::string_view what,
                           const Status& status) {
    switch (status.code()) {
      case Code::kOk:
      case Code::kInvalidArgument:
      case Code::kNotFound:
      case Code::kAlreadyExists:
      case Code::kFailedPrecondition:
      case Code::kOutOfRange: Note(people, row, what, status); return OkStatus();
      default: return status;
    }
  }

  // The first problem of a row stands. Rows differ between threads.
  static void Note(People& people, size_t row, std::string_view what, const Status& status) {
    if (people.statuses[row].ok() && !status.ok()) people.statuses[row] = After(what, status);
  }

  const SendContext& context_;
  Turnstile turnstile_;
  std::counting_semaphore<> single_calls_{kSingleCallsMax};
};

}  // namespace

std::unique_ptr<RowSender<PersonRow>> SendPeople(const SendContext& context) {
  return std::make_unique<PeopleSender>(context);
}

}  // namespace epigrid::ctl
