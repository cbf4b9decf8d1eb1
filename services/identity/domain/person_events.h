// What the events of a person's own shard and of a document's shard do: see identity_fold.h.
#pragma once

#include "common/projector/fold.h"

namespace epigrid::identity {

// The document's shard.
void NeedsOfRegistration(const events::v1::RegistrationRequested& requested, NeedSet& needs);
void ApplyRegistration(const events::v1::RegistrationRequested& requested, Cells& cells,
                       Context& context);
void NeedsOfSettled(const events::v1::LostClaimsSettled& settled, NeedSet& needs);
void ApplySettled(const events::v1::LostClaimsSettled& settled, Cells& cells, Context& context);

// The person's shard.
void NeedsOfPerson(const std::string& person_id, NeedSet& needs);
void ApplyRegistered(const events::v1::PersonRegistered& registered, Cells& cells,
                     Context& context);
void ApplyUpdate(const events::v1::PersonUpdateRequested& requested, Cells& cells,
                 Context& context);
void ApplyGuardianStated(const events::v1::GuardianStated& stated, Cells& cells, Context& context);
// The guardian's shard.
void ApplyDependantStated(const events::v1::DependantStated& stated, Cells& cells,
                          Context& context);

}  // namespace epigrid::identity
