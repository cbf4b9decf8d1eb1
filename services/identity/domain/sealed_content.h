// The sealed boxes of this service: what is in them, for whom, and how a fold gets to see it.
//
// A registration or an update is sealed under the key of the person it is about before it reaches a
// record. A claim, which is a document's keyed hash, is sealed under a key of the service's own: it
// has to be decided alike whenever the log is folded, and the key of a proposed person who lost is
// erased soon. The fold reads PreparedBoxes: PrepareEvents opens the boxes of a batch of events,
// all keys in one call, and leaves the sealed bytes beside what was in them, since it is those that
// are stored.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/base/task.h"
#include "common/crypto/key_store.h"
#include "epigrid/events/v1/envelope.pb.h"
#include "epigrid/identity/state/v1/state.pb.h"

namespace epigrid::identity {

std::string SealRegistration(const SecretKey& key, const std::string& person_id,
                             const state::v1::RegistrationContent& content, RandomSource& random);
std::string SealClaim(const SecretKey& claim_key, const std::string& person_id,
                      std::string_view document_hash, RandomSource& random);
std::string SealUpdate(const SecretKey& key, const std::string& person_id,
                       const state::v1::UpdateContent& content, RandomSource& random);

// DATA_LOSS as common/crypto/sealed_box.h says, or with SEALED_BOX_MALFORMED if what was in the box
// is no such content.
Result<state::v1::RegistrationContent> OpenRegistration(const SecretKey& key,
                                                        const std::string& person_id,
                                                        std::string_view box);
Result<state::v1::UpdateContent> OpenUpdate(const SecretKey& key, const std::string& person_id,
                                            std::string_view box);

// Puts a PreparedBox in the place of the sealed bytes of every event that has some. Fails, and
// leaves all as it was, only when the keys cannot be read now.
Task<Status> PrepareEvents(KeyStore& keys, const SecretKey& claim_key,
                           std::vector<events::v1::Event*> events);

// The PreparedBox that PrepareEvents put there.
state::v1::PreparedBox PreparedBoxOf(const std::string& bytes);

}  // namespace epigrid::identity
