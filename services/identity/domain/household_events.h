// What the events of a household's shard, and a household's news in a person's shard, do: see
// identity_fold.h.
#pragma once

#include "common/projector/fold.h"

namespace epigrid::identity {

void NeedsOfHousehold(const events::v1::HouseholdUpdateRequested& requested, NeedSet& needs);
void ApplyHousehold(const events::v1::HouseholdUpdateRequested& requested, Cells& cells,
                    Context& context);

// The person's shard.
void NeedsOfMembership(const events::v1::MembershipStated& stated, NeedSet& needs);
void ApplyMembership(const events::v1::MembershipStated& stated, Cells& cells, Context& context);

}  // namespace epigrid::identity
