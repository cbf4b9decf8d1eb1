// Presence and tests: observations that are sent in the same way.
#include "common/base/proto_time.h"
#include "common/rpc/status_details.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "epigrid/health_code/v1/health_code.pb.h"
#include "tools/epigridctl/import/senders.h"
#include "tools/epigridctl/import/sending.h"

namespace epigrid::ctl {
namespace {

namespace tracing = contact_tracing::v1;
namespace health = health_code::v1;

constexpr char kUnknownPerson[] = "PERSON_KEY_UNKNOWN";

// How the observations of a kind of row are put into a request, and where it goes.
struct PresenceCall {
  using Row = PresenceRow;
  using Request = tracing::BatchRecordPresencesRequest;
  using Response = tracing::BatchRecordPresencesResponse;
  static constexpr std::string_view kService = "contact_tracing";
  static constexpr char kMethod[] =
      "/epigrid.contact_tracing.v1.ContactTracingService/BatchRecordPresences";

  static Status Check(const PresenceRow&) { return OkStatus(); }
  static void Add(const PresenceRow& row, std::string person_id, const SendContext& context,
                  Request& request) {
    tracing::PresenceObservation& observation = *request.add_observations();
    observation.set_source(context.source);
    observation.set_source_id(row.source_id);
    observation.set_revision(static_cast<uint32_t>(row.revision.value_or(0)));
    observation.set_person_id(std::move(person_id));
    tracing::CheckIn& check_in = *observation.mutable_check_in();
    check_in.set_setting_id(IdOfKey(context, kSettingId, row.setting));
    *check_in.mutable_start_time() = ToProto(row.check_in_time);
    if (row.check_out_time.is_set()) *check_in.mutable_end_time() = ToProto(row.check_out_time);
    check_in.set_position(row.position);
  }
};

health::TestOutcome OutcomeOf(TestRow::Outcome outcome) {
  switch (outcome) {
    case TestRow::Outcome::kNegative: return health::TEST_OUTCOME_NEGATIVE;
    case TestRow::Outcome::kPositive: return health::TEST_OUTCOME_POSITIVE;
    case TestRow::Outcome::kIndeterminate: return health::TEST_OUTCOME_INDETERMINATE;
    case TestRow::Outcome::kInvalid: return health::TEST_OUTCOME_INVALID;
    case TestRow::Outcome::kUnspecified: break;
  }
  EPIGRID_CHECK(false, "the column is required");
}

struct TestCall {
  using Row = TestRow;
  using Request = health::BatchRecordEvidenceRequest;
  using Response = health::BatchRecordEvidenceResponse;
  static constexpr std::string_view kService = "health_code";
  static constexpr char kMethod[] = "/epigrid.health_code.v1.HealthCodeService/BatchRecordEvidence";

  static Status Check(const TestRow& row) {
    health::TestMethod method;
    if (health::TestMethod_Parse("TEST_METHOD_" + row.method, &method) &&
        method != health::TEST_METHOD_UNSPECIFIED) {
      return OkStatus();
    }
    return InvalidArgument("IMPORT_VALUE_INVALID", "column method is no known method")
        .With("field", "method");
  }
  static void Add(const TestRow& row, std::string person_id, const SendContext& context,
                  Request& request) {
    health::Evidence& evidence = *request.add_evidence();
    evidence.set_source(context.source);
    evidence.set_source_id(row.source_id);
    evidence.set_revision(static_cast<uint32_t>(row.revision.value_or(0)));
    evidence.set_person_id(std::move(person_id));
    health::TestResult& test = *evidence.mutable_test();
    test.set_sampling_id(row.sampling_id.empty() ? row.source_id : row.sampling_id);
    health::TestMethod method = health::TEST_METHOD_UNSPECIFIED;
    health::TestMethod_Parse("TEST_METHOD_" + row.method, &method);
    test.set_method(method);
    test.set_outcome(OutcomeOf(row.outcome));
    *test.mutable_sampled_time() = ToProto(row.sampled_time);
    if (row.reported_time.is_set()) *test.mutable_reported_time() = ToProto(row.reported_time);
    test.set_cycle_threshold(row.cycle_threshold.value_or(0));
    test.set_laboratory(row.laboratory);
  }
};

template <typename Call>
class ObservationSender final : public RowSender<typename Call::Row> {
 public:
  explicit ObservationSender(const SendContext& context) : context_(context) {}

  Result<std::vector<Status>> Send(const BatchRows<typename Call::Row>& batch) override {
    std::vector<Status> statuses(batch.rows.size());
    std::vector<size_t> rows;
    typename Call::Request request;
    for (size_t i = 0; i < batch.rows.size(); ++i) {
      const auto& row = batch.rows[i].row;
      statuses[i] = Call::Check(row);
      if (!statuses[i].ok() || context_.servers == nullptr) continue;
      Result<std::string> person = PersonOfKey(context_, row.person, "person", kUnknownPerson);
      statuses[i] = person.status();
      if (!person.ok()) continue;
      Call::Add(row, *std::move(person), context_, request);
      rows.push_back(i);
    }
    if (rows.empty()) return statuses;
    typename Call::Response response;
    const auto check = [&response] {
      for (const auto& rejected : response.rejected()) {
        Status status = FromProtoStatus(rejected.status());
        if (IsWorthRetrying(status)) return status;
      }
      return OkStatus();
    };
    EPIGRID_RETURN_IF_ERROR(
        CallUntilAnswered(context_, Call::kService, Call::kMethod, request, &response, check));
    if (response.accepted_count() + static_cast<size_t>(response.rejected_size()) != rows.size()) {
      return AnswerMalformed();
    }
    for (const auto& rejected : response.rejected()) {
      if (rejected.index() >= rows.size()) return AnswerMalformed();
      statuses[rows[rejected.index()]] = FromProtoStatus(rejected.status());
    }
    return statuses;
  }

 private:
  const SendContext& context_;
};

}  // namespace

std::unique_ptr<RowSender<PresenceRow>> SendPresence(const SendContext& context) {
  return std::make_unique<ObservationSender<PresenceCall>>(context);
}

std::unique_ptr<RowSender<TestRow>> SendTests(const SendContext& context) {
  return std::make_unique<ObservationSender<TestCall>>(context);
}

}  // namespace epigrid::ctl
