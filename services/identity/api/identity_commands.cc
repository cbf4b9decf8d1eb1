#include "services/identity/api/identity_commands.h"

#include "common/log/log.h"
#include "common/rpc/fields.h"
#include "services/identity/domain/identity_fold.h"
#include "services/identity/domain/sealed_content.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {
namespace {

constexpr std::string_view kInbox = "identity.inbox";

Event HouseholdEvent(const v1::Membership& membership) {
  Event event;
  auto& requested = *event.mutable_household_update_requested();
  requested.set_household_id(membership.household_id());
  requested.set_person_id(membership.person_id());
  if (membership.has_from_time()) *requested.mutable_from_time() = membership.from_time();
  if (membership.has_until_time()) *requested.mutable_until_time() = membership.until_time();
  requested.set_region_code(membership.region_code());
  return event;
}

}  // namespace

void IdentityCommands::FillRequestKey(const CommandContext& context, const std::string& request_id,
                                      size_t item, std::string_view content, Event& event) const {
  events::v1::RequestKey& key = *event.mutable_request();
  key.set_caller(context.origin.actor);
  key.set_method(context.method);
  key.set_request_id(request_id.empty() ? MakeId(kRequestId, parts_.random.NextIdBytes())
                                        : request_id);
  key.set_item(static_cast<uint32_t>(item));
  key.set_fingerprint(parts_.hashes.Fingerprint(content));
}

Task<std::vector<ShardPosition>> IdentityCommands::EndsOf(std::set<std::string> entities) const {
  std::set<Shard> shards;
  for (const std::string& entity : entities) shards.insert(parts_.shards.ShardOf(entity));
  std::vector<TopicShard> topics;
  for (Shard shard : shards) topics.push_back({std::string(kInbox), shard});
  std::vector<ShardPosition> positions;
  if (topics.empty()) co_return positions;
  const Result<std::vector<Offset>> ends = co_await parts_.log.Ends(topics);
  if (!ends.ok()) {
    // The command is decided all the same; its caller only cannot wait for what it caused.
    EPIGRID_LOG_WARN("identity.revision_incomplete", {ends.status()});
    co_return positions;
  }
  for (size_t i = 0; i < topics.size(); ++i) positions.push_back({topics[i].shard, (*ends)[i]});
  co_return positions;
}

Task<std::vector<Decision>> IdentityCommands::Decide(CommandContext context,
                                                     std::vector<Command> commands) const {
  std::vector<Shard> shards;
  for (const Command& command : commands) shards.push_back(parts_.shards.ShardOf(command.entity));
  Result<FoldGate::Place> place =
      co_await parts_.gate.Enter(context.work, FoldGate::Kind::kDecided, std::move(shards));
  if (!place.ok()) {
    co_return std::vector<Decision>(commands.size(), Decision{{place.status(), {}}, {}});
  }
  std::vector<Decision> decisions =
      co_await parts_.commands.Decide(context.origin, std::move(commands), context.deadline);
  parts_.gate.AwaitFolded(*std::move(place), decisions);
  co_return decisions;
}

Task<Status> IdentityCommands::CheckPeopleExist(const v1::UpdatePersonRequest& request,
                                                SecretKey* key) const {
  const std::string& guardian = request.guardian_person_id();
  std::vector<std::string> ids = {request.person_id()};
  if (!guardian.empty()) ids.push_back(guardian);
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<PersonKey> found,
                              co_await parts_.keys.GetKeys(ids));
  // A key is durable before a person's id is known to anybody, so that no key means no such person.
  if (found[0].state == PersonKey::State::kUnknown) {
    co_return NotFound("PERSON_UNKNOWN", "there is no person with this id")
        .With("field", "person_id");
  }
  if (found[0].state == PersonKey::State::kErased) {
    co_return FailedPrecondition("PERSON_ERASED", "the personal data of this person was erased");
  }
  *key = found[0].key;
  if (guardian.empty()) co_return OkStatus();
  if (found[1].state != PersonKey::State::kPresent) {
    co_return NotFound("GUARDIAN_UNKNOWN", "there is no person with the guardian's id")
        .With("field", "guardian_person_id");
  }
  const auto dependants = co_await parts_.cells.GetMembers(guardian, keys::Dependants(guardian));
  if (dependants.ok() && dependants->size() >= kDependantsMax &&
      !dependants->contains(request.person_id())) {
    co_return FailedPrecondition("DEPENDANTS_TOO_MANY",
                                 "the guardian answers for as many as one can (32)")
        .With("field", "guardian_person_id");
  }
  co_return OkStatus();
}

Task<Result<std::vector<ShardPosition>>> IdentityCommands::UpdatePerson(
    CommandContext context, v1::UpdatePersonRequest request) const {
  EPIGRID_CO_ASSIGN_OR_RETURN(const state::v1::UpdateContent content, CheckUpdate(request));
  SecretKey key;
  EPIGRID_CO_RETURN_IF_ERROR(co_await CheckPeopleExist(request, &key));
  const std::string& person_id = request.person_id();
  Event event;
  event.mutable_person_update_requested()->set_person_id(person_id);
  event.mutable_person_update_requested()->set_sealed_update(
      SealUpdate(key, person_id, content, parts_.random));
  FillRequestKey(context, request.request_id(), 0, content.SerializeAsString(), event);
  std::vector<Command> commands;
  commands.push_back({person_id, std::move(event)});
  const std::vector<Decision> decisions = co_await Decide(context, std::move(commands));
  EPIGRID_CO_RETURN_IF_ERROR(decisions[0].outcome.status);
  std::vector<ShardPosition> revision;
  if (!request.guardian_person_id().empty()) {
    revision = co_await EndsOf({request.guardian_person_id()});
  }
  revision.push_back(decisions[0].at);
  co_return revision;
}

Task<Result<IdentityCommands::UpdatedHousehold>> IdentityCommands::UpdateHousehold(
    CommandContext context, v1::UpdateHouseholdRequest request) const {
  EPIGRID_CO_RETURN_IF_ERROR(CheckRequestId(request.request_id()));
  EPIGRID_CO_RETURN_IF_ERROR(CheckRegionCode(request.region_code(), "region_code"));
  UpdatedHousehold updated{.household_id = request.household_id(), .revision = {}};
  if (!updated.household_id.empty()) {
    EPIGRID_CO_RETURN_IF_ERROR(CheckId(kHouseholdId, updated.household_id, "household_id"));
  } else if (!request.request_id().empty()) {
    // The same request makes the same household.
    updated.household_id = DeriveId(kHouseholdId, {context.origin.actor, request.request_id()});
  } else {
    updated.household_id = MakeId(kHouseholdId, parts_.random.NextIdBytes());
  }
  Event event;
  event.mutable_household_update_requested()->set_household_id(updated.household_id);
  event.mutable_household_update_requested()->set_region_code(request.region_code());
  FillRequestKey(context, request.request_id(), 0,
                 event.household_update_requested().SerializeAsString(), event);
  std::vector<Command> commands;
  commands.push_back({updated.household_id, std::move(event)});
  const std::vector<Decision> decisions = co_await Decide(context, std::move(commands));
  EPIGRID_CO_RETURN_IF_ERROR(decisions[0].outcome.status);
  updated.revision.push_back(decisions[0].at);
  co_return updated;
}

Task<IdentityCommands::UpdatedMemberships> IdentityCommands::UpdateMemberships(
    CommandContext context, std::vector<v1::Membership> memberships, std::string request_id) const {
  UpdatedMemberships updated;
  updated.results.resize(memberships.size());
  std::vector<Command> commands;
  std::vector<size_t> items;
  for (size_t i = 0; i < memberships.size(); ++i) {
    updated.results[i] = CheckMembership(memberships[i], context.origin.recorded_at,
                                         "memberships[" + std::to_string(i) + "].");
    if (!updated.results[i].ok()) continue;
    Event event = HouseholdEvent(memberships[i]);
    FillRequestKey(context, request_id, i, event.household_update_requested().SerializeAsString(),
                   event);
    commands.push_back({memberships[i].household_id(), std::move(event)});
    items.push_back(i);
  }
  if (commands.empty()) co_return updated;
  const std::vector<Decision> decisions = co_await Decide(context, std::move(commands));
  std::set<std::string> people;
  for (size_t n = 0; n < items.size(); ++n) {
    updated.results[items[n]] = decisions[n].outcome.status;
    if (!decisions[n].outcome.status.ok()) continue;
    people.insert(memberships[items[n]].person_id());
    updated.revision.push_back(decisions[n].at);
  }
  const std::vector<ShardPosition> ends = co_await EndsOf(std::move(people));
  updated.revision.insert(updated.revision.end(), ends.begin(), ends.end());
  co_return updated;
}

}  // namespace epigrid::identity
