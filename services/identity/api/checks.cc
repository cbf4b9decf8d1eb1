#include "services/identity/api/checks.h"

#include <algorithm>

#include "common/base/configured_name.h"
#include "common/base/date.h"
#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "common/rpc/fields.h"
#include "services/identity/domain/documents.h"

namespace epigrid::identity {
namespace {

using google::protobuf::RepeatedPtrField;

DocumentType TypeOf(v1::DocumentType type) {
  switch (type) {
    case v1::DOCUMENT_TYPE_RESIDENT_ID: return DocumentType::kResidentId;
    case v1::DOCUMENT_TYPE_PASSPORT: return DocumentType::kPassport;
    case v1::DOCUMENT_TYPE_HK_MACAO_PERMIT: return DocumentType::kHongKongMacaoPermit;
    case v1::DOCUMENT_TYPE_TAIWAN_PERMIT: return DocumentType::kTaiwanPermit;
    case v1::DOCUMENT_TYPE_FOREIGN_PERMANENT_RESIDENT:
      return DocumentType::kForeignPermanentResidence;
    default: return DocumentType::kUnspecified;
  }
}

// The status with "registration." and the like before its field.
Status WithPrefix(const Status& status, std::string_view prefix) {
  const auto field = status.metadata().find("field");
  if (field == status.metadata().end()) return status;
  return Status(status).With("field", std::string(prefix) + field->second);
}

Status CheckLanguage(std::string_view language, std::string_view field) {
  if (language == "zh" || language == "en") return OkStatus();
  return InvalidField("LANGUAGE_UNKNOWN", "language must be zh or en", field);
}

Status CheckContactPoints(const RepeatedPtrField<v1::ContactPoint>& points,
                          const std::string& field) {
  if (points.size() > kContactPointsMax) {
    return InvalidField("CONTACT_POINTS_TOO_MANY", "a person has at most 5 contact points", field);
  }
  for (int i = 0; i < points.size(); ++i) {
    const std::string path = field + "[" + std::to_string(i) + "].";
    if (!IsConfiguredName(points[i].endpoint())) {
      return InvalidField("CONTACT_ENDPOINT_MALFORMED",
                          "endpoint must name an endpoint of the notification service: 1 to 63 "
                          "characters of a-z, 0-9 and -",
                          path + "endpoint");
    }
    if (points[i].address().empty()) {
      return InvalidField("CONTACT_ADDRESS_MISSING", "say what the endpoint calls the person",
                          path + "address");
    }
    EPIGRID_RETURN_IF_ERROR(
        CheckText(points[i].address(), kAddressCharactersMax, path + "address"));
  }
  return OkStatus();
}

Result<Document> CheckDocument(const v1::Document& document, std::chrono::sys_days today) {
  // Two lines of a machine-readable zone are far longer than any number: readers send those.
  constexpr size_t kLineBytes = 44;
  const bool is_line =
      document.type() == v1::DOCUMENT_TYPE_PASSPORT && document.number().size() >= kLineBytes;
  Result<Document> parsed =
      ParseDocument({.type = TypeOf(document.type()),
                     .number = is_line ? "" : document.number(),
                     .issuer = document.issuer(),
                     .machine_readable_line = is_line ? document.number() : ""},
                    today);
  if (parsed.ok()) return parsed;
  // The field as the request has it.
  const auto field = parsed.status().metadata().find("field");
  if (field == parsed.status().metadata().end() ||
      field->second != "document.machine_readable_line") {
    return parsed;
  }
  return Status(parsed.status()).With("field", "document.number");
}

}  // namespace

Result<state::v1::RegistrationContent> CheckRegistration(const v1::Registration& registration,
                                                         const IdentityHashes& hashes,
                                                         std::chrono::sys_days today,
                                                         std::string_view prefix) {
  Result<Document> document = CheckDocument(registration.document(), today);
  if (!document.ok()) return WithPrefix(document.status(), prefix);
  const std::string path(prefix);
  if (registration.name().find_first_not_of(' ') == std::string::npos) {
    return InvalidField("NAME_MISSING", "give the name as the document prints it", path + "name");
  }
  EPIGRID_RETURN_IF_ERROR(CheckText(registration.name(), kNameCharactersMax, path + "name"));
  EPIGRID_RETURN_IF_ERROR(
      CheckContactPoints(registration.contact_points(), path + "contact_points"));
  const std::string language = registration.language().empty() ? "zh" : registration.language();
  EPIGRID_RETURN_IF_ERROR(CheckLanguage(language, path + "language"));

  state::v1::RegistrationContent content;
  content.set_document_hash(hashes.OfDocument(document->Canonical()));
  content.mutable_document()->set_type(registration.document().type());
  content.mutable_document()->set_number(document->number);
  content.mutable_document()->set_issuer(document->issuer);
  content.set_name(registration.name());
  if (document->birth_date) content.set_birth_date(FormatDate(*document->birth_date));
  content.set_language(language);
  *content.mutable_contact_points() = registration.contact_points();
  return content;
}

Result<state::v1::UpdateContent> CheckUpdate(const v1::UpdatePersonRequest& request) {
  EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, request.person_id(), "person_id"));
  EPIGRID_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_RETURN_IF_ERROR(CheckContactPoints(request.contact_points(), "contact_points"));
  if (!request.language().empty()) {
    EPIGRID_RETURN_IF_ERROR(CheckLanguage(request.language(), "language"));
  }
  const std::string& guardian = request.guardian_person_id();
  if (!guardian.empty()) {
    EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, guardian, "guardian_person_id"));
    if (guardian == request.person_id()) {
      return InvalidField("GUARDIAN_IS_SELF", "nobody is their own guardian", "guardian_person_id");
    }
    if (request.remove_guardian()) {
      return InvalidField("GUARDIAN_CONTRADICTORY", "either name a guardian or remove the guardian",
                          "remove_guardian");
    }
  }
  if (!request.replace_contact_points() && request.contact_points_size() > 0) {
    return InvalidField("UPDATE_EMPTY", "set replace_contact_points for contact_points to count",
                        "replace_contact_points");
  }
  if (!request.replace_contact_points() && request.language().empty() && guardian.empty() &&
      !request.remove_guardian()) {
    return InvalidField("UPDATE_EMPTY", "say what is to be changed", "request");
  }
  state::v1::UpdateContent content;
  content.set_replace_contact_points(request.replace_contact_points());
  *content.mutable_contact_points() = request.contact_points();
  content.set_language(request.language());
  content.set_guardian_person_id(guardian);
  content.set_remove_guardian(request.remove_guardian());
  return content;
}

Status CheckMembership(const v1::Membership& membership, Time now, std::string_view prefix) {
  const std::string path(prefix);
  EPIGRID_RETURN_IF_ERROR(CheckId(kHouseholdId, membership.household_id(), path + "household_id"));
  EPIGRID_RETURN_IF_ERROR(CheckId(kPersonId, membership.person_id(), path + "person_id"));
  EPIGRID_RETURN_IF_ERROR(CheckRegionCode(membership.region_code(), path + "region_code"));
  if (membership.has_from_time()) {
    EPIGRID_RETURN_IF_ERROR(CheckPastTime(true, membership.from_time(), now, path + "from_time"));
  }
  if (!membership.has_until_time()) return OkStatus();
  EPIGRID_RETURN_IF_ERROR(CheckEndTime(membership.until_time(), path + "until_time"));
  if (!membership.has_from_time() ||
      FromProto(membership.until_time()) <= FromProto(membership.from_time())) {
    return InvalidField("MEMBERSHIP_INTERVAL_INVALID",
                        "until_time must come after from_time, which must be set",
                        path + "until_time");
  }
  return OkStatus();
}

}  // namespace epigrid::identity
