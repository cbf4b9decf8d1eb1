#include "services/identity/domain/sealed_content.h"

#include "common/crypto/sealed_box.h"

namespace epigrid::identity {
namespace {

using events::v1::Event;
using state::v1::PreparedBox;
using state::v1::RegistrationContent;
using state::v1::UpdateContent;

constexpr std::string_view kRegistration = "identity registration";
constexpr std::string_view kUpdate = "identity update";
constexpr std::string_view kClaim = "identity claim";

// The sealed bytes of an event that the person's key opens: whose, what for, where they stand. A
// registration that is only requested is opened when its claim is decided.
struct SealedPart {
  const std::string* person_id = nullptr;
  std::string_view purpose;
  std::string* bytes = nullptr;
};

SealedPart SealedPartOf(Event& event) {
  switch (event.kind_case()) {
    case Event::kPersonRegistered: {
      auto& registered = *event.mutable_person_registered();
      return {&registered.person_id(), kRegistration, registered.mutable_sealed_registration()};
    }
    case Event::kPersonUpdateRequested: {
      auto& requested = *event.mutable_person_update_requested();
      return {&requested.person_id(), kUpdate, requested.mutable_sealed_update()};
    }
    default: return {};
  }
}

template <typename Content>
Result<Content> OpenAs(const SecretKey& key, const std::string& person_id, std::string_view purpose,
                       std::string_view box) {
  EPIGRID_ASSIGN_OR_RETURN(std::string bytes,
                           Open(key, {.subject = person_id, .purpose = purpose}, box));
  Content content;
  if (!content.ParseFromString(bytes)) {
    return Status(Code::kDataLoss, "SEALED_BOX_MALFORMED", "what was sealed is of another kind");
  }
  return content;
}

void PutPrepared(const PersonKey& key, const SealedPart& part) {
  PreparedBox box;
  box.set_sealed(*part.bytes);
  if (key.state != PersonKey::State::kPresent) {
    box.set_state(PreparedBox::STATE_ERASED);
  } else {
    Result<std::string> content =
        Open(key.key, {.subject = *part.person_id, .purpose = part.purpose}, *part.bytes);
    box.set_state(content.ok() ? PreparedBox::STATE_OPENED : PreparedBox::STATE_UNREADABLE);
    if (content.ok()) box.set_content(*std::move(content));
  }
  *part.bytes = box.SerializeAsString();
}

}  // namespace

std::string SealRegistration(const SecretKey& key, const std::string& person_id,
                             const RegistrationContent& content, RandomSource& random) {
  return Seal(key, {.subject = person_id, .purpose = kRegistration}, content.SerializeAsString(),
              random);
}

std::string SealClaim(const SecretKey& claim_key, const std::string& person_id,
                      std::string_view document_hash, RandomSource& random) {
  return Seal(claim_key, {.subject = person_id, .purpose = kClaim}, document_hash, random);
}

std::string SealUpdate(const SecretKey& key, const std::string& person_id,
                       const UpdateContent& content, RandomSource& random) {
  return Seal(key, {.subject = person_id, .purpose = kUpdate}, content.SerializeAsString(), random);
}

Result<RegistrationContent> OpenRegistration(const SecretKey& key, const std::string& person_id,
                                             std::string_view box) {
  return OpenAs<RegistrationContent>(key, person_id, kRegistration, box);
}

Result<UpdateContent> OpenUpdate(const SecretKey& key, const std::string& person_id,
                                 std::string_view box) {
  return OpenAs<UpdateContent>(key, person_id, kUpdate, box);
}

Task<Status> PrepareEvents(KeyStore& keys, const SecretKey& claim_key, std::vector<Event*> events) {
  std::vector<SealedPart> parts;
  std::vector<std::string> person_ids;
  for (Event* event : events) {
    const SealedPart part = SealedPartOf(*event);
    if (part.bytes == nullptr) continue;
    parts.push_back(part);
    person_ids.push_back(*part.person_id);
  }
  std::vector<PersonKey> found;
  for (size_t from = 0; from < person_ids.size(); from += kKeysPerCallMax) {
    const size_t until = std::min(from + kKeysPerCallMax, person_ids.size());
    Result<std::vector<PersonKey>> some =
        co_await keys.GetKeys({person_ids.begin() + static_cast<ptrdiff_t>(from),
                               person_ids.begin() + static_cast<ptrdiff_t>(until)});
    if (!some.ok()) co_return some.status();
    found.insert(found.end(), some->begin(), some->end());
  }
  for (size_t i = 0; i < parts.size(); ++i) PutPrepared(found[i], parts[i]);
  const PersonKey own{.state = PersonKey::State::kPresent, .key = claim_key};
  for (Event* event : events) {
    if (!event->has_registration_requested()) continue;
    auto& requested = *event->mutable_registration_requested();
    PutPrepared(own, {&requested.proposed_person_id(), kClaim, requested.mutable_sealed_claim()});
  }
  co_return OkStatus();
}

PreparedBox PreparedBoxOf(const std::string& bytes) {
  PreparedBox box;
  EPIGRID_CHECK(box.ParseFromString(bytes) && box.state() != PreparedBox::STATE_UNSPECIFIED,
                "an event was not prepared before it was folded");
  return box;
}

}  // namespace epigrid::identity
