#include "services/health_code/api/evidence_check.h"

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/rpc/fields.h"

namespace epigrid::health_code {
namespace {

// The times that a piece of evidence may tell. An old one is a mistake, and a grave one: a case's
// window reaches back from the sampling, and an order of long ago would end it before it begins.
struct EvidenceTimes {
  Time now;
  Duration age_max;

  Status Check(bool is_set, const google::protobuf::Timestamp& time, std::string_view field) const {
    return CheckRecentTime(is_set, time, now, age_max, field);
  }
};

Status CheckSamplingId(std::string_view sampling_id, std::string_view field) {
  if (sampling_id.size() <= 64 && CheckSourceId(sampling_id, field).ok()) return OkStatus();
  return InvalidField("SAMPLING_ID_MALFORMED",
                      "must be 1 to 64 printable ASCII characters without '/' and space", field);
}

Status CheckTest(const v1::TestResult& test, const EvidenceTimes& times) {
  EPIGRID_RETURN_IF_ERROR(CheckSamplingId(test.sampling_id(), "test.sampling_id"));
  if (test.method() == v1::TEST_METHOD_UNSPECIFIED ||
      !v1::TestMethod_IsValid(static_cast<int>(test.method()))) {
    return InvalidField("TEST_METHOD_MISSING", "must be NUCLEIC_ACID or ANTIGEN", "test.method");
  }
  if (test.outcome() == v1::TEST_OUTCOME_UNSPECIFIED ||
      !v1::TestOutcome_IsValid(static_cast<int>(test.outcome()))) {
    return InvalidField("TEST_OUTCOME_MISSING",
                        "must be NEGATIVE, POSITIVE, INDETERMINATE or INVALID", "test.outcome");
  }
  EPIGRID_RETURN_IF_ERROR(
      times.Check(test.has_sampled_time(), test.sampled_time(), "test.sampled_time"));
  if (test.has_reported_time()) {
    EPIGRID_RETURN_IF_ERROR(times.Check(true, test.reported_time(), "test.reported_time"));
    if (FromProto(test.reported_time()) < FromProto(test.sampled_time())) {
      return InvalidField("REPORTED_BEFORE_SAMPLED", "lies before test.sampled_time",
                          "test.reported_time");
    }
  }
  // Written so that not-a-number is refused too.
  if (!(test.cycle_threshold() >= 0 && test.cycle_threshold() <= 50)) {
    return InvalidField("CYCLE_THRESHOLD_OUT_OF_RANGE", "must be 0 (not told) to 50",
                        "test.cycle_threshold");
  }
  return CheckText(test.laboratory(), 64, "test.laboratory");
}

Status CheckDeclaration(const v1::Declaration& declaration, const EvidenceTimes& times) {
  EPIGRID_RETURN_IF_ERROR(times.Check(declaration.has_declared_time(), declaration.declared_time(),
                                      "declaration.declared_time"));
  const double temperature = declaration.temperature_celsius();
  if (temperature != 0 && !(temperature >= 30 && temperature <= 45)) {
    return InvalidField("TEMPERATURE_OUT_OF_RANGE",
                        "must be 0 (not told) or 30 to 45 degrees Celsius",
                        "declaration.temperature_celsius");
  }
  if (!declaration.has_symptoms_since_time()) return OkStatus();
  return times.Check(true, declaration.symptoms_since_time(), "declaration.symptoms_since_time");
}

Status CheckBasis(const v1::Basis& basis) {
  switch (basis.what_case()) {
    case v1::Basis::kCaseId:
      return CheckId(kCaseId, basis.case_id(), "isolation_order.basis.case_id");
    case v1::Basis::kSettingId:
      return CheckPlaceId(basis.setting_id(), "isolation_order.basis.setting_id");
    case v1::Basis::kSamplingId:
      return CheckSamplingId(basis.sampling_id(), "isolation_order.basis.sampling_id");
    case v1::Basis::WHAT_NOT_SET: break;
  }
  return InvalidField("BASIS_MISSING", "must name the case, setting or sampling that it rests on",
                      "isolation_order.basis");
}

Status CheckIsolationOrder(const v1::IsolationOrder& order, const EvidenceTimes& times) {
  EPIGRID_RETURN_IF_ERROR(
      times.Check(order.has_start_time(), order.start_time(), "isolation_order.start_time"));
  if (order.has_end_time()) {  // may lie in the future
    EPIGRID_RETURN_IF_ERROR(CheckEndTime(order.end_time(), "isolation_order.end_time"));
    if (FromProto(order.end_time()) <= FromProto(order.start_time())) {
      return InvalidField("END_BEFORE_START", "must lie after isolation_order.start_time",
                          "isolation_order.end_time");
    }
  }
  if (order.measure() != v1::MEASURE_CENTRAL && order.measure() != v1::MEASURE_HOME) {
    return InvalidField("ISOLATION_MEASURE_INVALID", "must be CENTRAL or HOME",
                        "isolation_order.measure");
  }
  return CheckBasis(order.basis());
}

Status CheckTransfer(const v1::Transfer& transfer, const EvidenceTimes& times) {
  EPIGRID_RETURN_IF_ERROR(times.Check(transfer.has_transfer_time(), transfer.transfer_time(),
                                      "transfer.transfer_time"));
  if (transfer.facility().empty()) {
    return InvalidField("FACILITY_MISSING", "must name where to", "transfer.facility");
  }
  return CheckText(transfer.facility(), 64, "transfer.facility");
}

Status CheckWithdrawal(const v1::Evidence& evidence) {
  if (evidence.what_case() != v1::Evidence::WHAT_NOT_SET) {
    return InvalidField("WITHDRAWAL_WITH_CONTENT",
                        "a withdrawal has no content of its own; to correct, leave it unset",
                        "withdrawn");
  }
  if (evidence.revision() < 2) {
    return InvalidField("WITHDRAWAL_REVISION", "must be higher than that of what is withdrawn",
                        "revision");
  }
  return OkStatus();
}

}  // namespace

Status CheckEvidence(v1::Evidence& evidence, Time now, Duration age_max) {
  const EvidenceTimes times{now, age_max};
  if (evidence.revision() == 0) evidence.set_revision(1);
  EPIGRID_RETURN_IF_ERROR(CheckSource(evidence.source(), "source"));
  EPIGRID_RETURN_IF_ERROR(CheckSourceId(evidence.source_id(), "source_id"));
  EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, evidence.person_id(), "person_id"));
  if (evidence.withdrawn()) return CheckWithdrawal(evidence);
  switch (evidence.what_case()) {
    case v1::Evidence::kTest: return CheckTest(evidence.test(), times);
    case v1::Evidence::kDeclaration: return CheckDeclaration(evidence.declaration(), times);
    case v1::Evidence::kIsolationOrder:
      return CheckIsolationOrder(evidence.isolation_order(), times);
    case v1::Evidence::kTransfer: return CheckTransfer(evidence.transfer(), times);
    case v1::Evidence::kDischarge:
      return times.Check(evidence.discharge().has_discharge_time(),
                         evidence.discharge().discharge_time(), "discharge.discharge_time");
    case v1::Evidence::WHAT_NOT_SET: break;
  }
  return InvalidField("EVIDENCE_MISSING",
                      "must be one of test, declaration, isolation_order, transfer, discharge",
                      "evidence");
}

}  // namespace epigrid::health_code
