// IdentityFold: how registrations, updates and households become people who are known by an id.
//
//   document's shard            person's shard               guardian's shard      household's shard
//   RegistrationRequested       PersonUpdateRequested        DependantStated ◀─┐   HouseholdUpdateRequested
//     claims the document ─────▶ PersonRegistered              GuardianStated  │     stores the member
//     or answers whose it is     stores, publishes ◀─────────────┘             │     MembershipStated ─▶ person's
//                                DependantStated ──────────────────────────────┘                          shard
//
// The first registration of a document in log order has it; a later one changes nothing and is
// answered with the winner's id. The person it proposed never comes to be: its key is to be erased,
// and the id stands in the index keys::kLostClaims until LostClaimsSettled says that it is.
//
// Cells hold sealed boxes as they came and what other services may know (language, guardian,
// whether the person can be reached): no name, number or address. What cannot be opened because its
// key was erased folds to a person of whom nothing is known but the id.
#pragma once

#include <memory>

#include "common/crypto/key_store.h"
#include "common/projector/fold.h"
#include "epigrid/identity/state/v1/state.pb.h"

namespace epigrid::identity {

inline constexpr std::string_view kService = "identity";
inline constexpr std::string_view kPersonTopic = "identity.person.v1";
inline constexpr std::string_view kMembershipTopic = "identity.membership.v1";

// Of one guardian; later ones are ignored (DEPENDANTS_TOO_MANY).
inline constexpr size_t kDependantsMax = 32;
// Who live in one household at a time; later ones are refused (HOUSEHOLD_FULL).
inline constexpr size_t kHouseholdMembersMax = 200;
// Whom a household knows, with those who have left; beyond that it lets go of who left first.
inline constexpr size_t kHouseholdMembersKept = 1000;
// Of one person in one household, now and before; later ones are refused (MEMBERSHIPS_TOO_MANY).
inline constexpr int kStaysPerMembershipMax = 64;
// In one LostClaimsSettled: each is two writes.
inline constexpr int kLostClaimsPerEventMax = 8;

class IdentityFold final : public Fold {
 public:
  // What `keys` waits for must end on the thread that folds. The claim key is IdentityHashes'.
  IdentityFold(std::shared_ptr<KeyStore> keys, const SecretKey& claim_key)
      : keys_(std::move(keys)), claim_key_(claim_key) {}

  std::string_view service() const override { return kService; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override { return {}; }
  std::string Route(const Event& foreign) const override;
  std::vector<std::string> publications() const override;
  std::vector<std::string> Entities(const Event& event) const override;

  Task<Status> Prepare(std::vector<Event*> events) const override;
  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override;
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override;
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override;
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;

 private:
  const std::shared_ptr<KeyStore> keys_;
  const SecretKey claim_key_;
};

}  // namespace epigrid::identity
