// IdentityCommands::Register: from registrations to persons' ids.
#include "common/base/hex.h"
#include "services/identity/api/identity_commands.h"
#include "services/identity/domain/sealed_content.h"
#include "services/identity/view/keys.h"

namespace epigrid::identity {

// A registration that is well-formed.
struct IdentityCommands::Proposal {
  size_t item = 0;  // within the batch
  state::v1::RegistrationContent content;
  std::string person_id;  // proposed
};

namespace {

IdentityCommands::Registered RegisteredBy(const Outcome& outcome) {
  IdentityCommands::Registered registered{
      .status = outcome.status, .person_id = {}, .created = false};
  if (!outcome.status.ok()) return registered;
  state::v1::RegistrationOutcome told;
  EPIGRID_CHECK(told.ParseFromString(outcome.result), "an outcome does not parse");
  registered.person_id = told.person_id();
  registered.created = told.created();
  return registered;
}

}  // namespace

Task<IdentityCommands::RegisteredBatch> IdentityCommands::Register(
    CommandContext context, std::vector<v1::Registration> registrations, std::string request_id,
    std::string fields) const {
  RegisteredBatch batch;
  batch.results.resize(registrations.size());
  const std::chrono::sys_days today{
      std::chrono::days(parts_.zone.LocalDay(context.origin.recorded_at))};
  const bool is_single = fields == "registration";
  std::vector<Proposal> proposals;
  for (size_t i = 0; i < registrations.size(); ++i) {
    const std::string prefix = is_single ? fields + "." : fields + "[" + std::to_string(i) + "].";
    Result<state::v1::RegistrationContent> content =
        CheckRegistration(registrations[i], parts_.hashes, today, prefix);
    if (!content.ok()) {
      batch.results[i].status = content.status();
      continue;
    }
    proposals.push_back({.item = i, .content = *std::move(content), .person_id = {}});
  }
  // Under a request_id the fold must see the request: it knows what was answered before.
  if (request_id.empty()) co_await FindKnown(&proposals, &batch.results);
  if (!proposals.empty()) {
    co_await Propose(std::move(context), std::move(request_id), std::move(proposals),
                     &batch.results);
  }
  std::set<std::string> people;
  for (const Registered& result : batch.results) {
    if (result.status.ok()) people.insert(result.person_id);
  }
  batch.revision = co_await EndsOf(std::move(people));
  co_return batch;
}

Task<void> IdentityCommands::FindKnown(std::vector<Proposal>* proposals,
                                       std::vector<Registered>* results) const {
  std::vector<CellAddress> claims;
  for (const Proposal& proposal : *proposals) {
    const std::string& hash = proposal.content.document_hash();
    claims.push_back({parts_.document_shards.EntityFor(hash), keys::Claim(ToHex(hash))});
  }
  if (claims.empty()) co_return;
  const std::vector<std::string> owners = co_await parts_.directory.FindClaims(std::move(claims));
  std::vector<Proposal> unknown;
  for (size_t n = 0; n < proposals->size(); ++n) {
    Proposal& proposal = (*proposals)[n];
    if (owners[n].empty()) {
      unknown.push_back(std::move(proposal));
    } else {
      (*results)[proposal.item].person_id = owners[n];
    }
  }
  *proposals = std::move(unknown);
}

Task<void> IdentityCommands::Propose(CommandContext context, std::string request_id,
                                     std::vector<Proposal> proposals,
                                     std::vector<Registered>* results) const {
  std::vector<Shard> shards;
  for (const Proposal& proposal : proposals) {
    shards.push_back(
        parts_.shards.ShardOf(parts_.document_shards.EntityFor(proposal.content.document_hash())));
  }
  // Before there are keys: what is refused leaves none behind.
  Result<FoldGate::Place> place =
      co_await parts_.gate.Enter(context.work, FoldGate::Kind::kDecided, std::move(shards));
  if (!place.ok()) {
    for (const Proposal& proposal : proposals) (*results)[proposal.item].status = place.status();
    co_return;
  }
  std::vector<std::string> person_ids;
  for (Proposal& proposal : proposals) {
    proposal.person_id = request_id.empty()
                             ? MakeId(kPersonId, parts_.random.NextIdBytes())
                             : parts_.hashes.ProposedPersonId(context.origin.actor, request_id,
                                                              static_cast<uint32_t>(proposal.item),
                                                              proposal.content.document_hash());
    person_ids.push_back(proposal.person_id);
  }
  const Result<std::vector<PersonKey>> keys = co_await parts_.keys.CreateKeys(person_ids);
  std::vector<Command> commands;
  std::vector<size_t> items;
  std::vector<Proposal> forgotten;
  for (size_t n = 0; n < proposals.size(); ++n) {
    Proposal& proposal = proposals[n];
    Registered& result = (*results)[proposal.item];
    if (!keys.ok()) {
      result.status = keys.status();
      continue;
    }
    if ((*keys)[n].state != PersonKey::State::kPresent) {
      forgotten.push_back(std::move(proposal));
      continue;
    }
    Event event;
    auto& requested = *event.mutable_registration_requested();
    requested.set_proposed_person_id(proposal.person_id);
    requested.set_sealed_registration(
        SealRegistration((*keys)[n].key, proposal.person_id, proposal.content, parts_.random));
    requested.set_sealed_claim(SealClaim(parts_.hashes.claim_key(), proposal.person_id,
                                         proposal.content.document_hash(), parts_.random));
    FillRequestKey(context, request_id, proposal.item, proposal.content.SerializeAsString(), event);
    commands.push_back(
        {parts_.document_shards.EntityFor(proposal.content.document_hash()), std::move(event)});
    items.push_back(proposal.item);
  }
  if (!forgotten.empty()) {
    co_await AnswerForgotten(context, std::move(request_id), std::move(forgotten), results);
  }
  if (commands.empty()) co_return;
  const std::vector<Decision> decisions =
      co_await parts_.commands.Decide(context.origin, std::move(commands), context.deadline);
  parts_.gate.AwaitFolded(*std::move(place), decisions);
  for (size_t n = 0; n < items.size(); ++n) {
    (*results)[items[n]] = RegisteredBy(decisions[n].outcome);
  }
}

Task<void> IdentityCommands::AnswerForgotten(CommandContext context, std::string request_id,
                                             std::vector<Proposal> proposals,
                                             std::vector<Registered>* results) const {
  std::vector<Command> commands;
  for (const Proposal& proposal : proposals) {
    Command& command = commands.emplace_back(
        parts_.document_shards.EntityFor(proposal.content.document_hash()), Event());
    FillRequestKey(context, request_id, proposal.item, proposal.content.SerializeAsString(),
                   command.event);
  }
  const auto recalled = co_await parts_.commands.Recall(std::move(commands));
  std::vector<Proposal> unanswered;
  for (size_t n = 0; n < proposals.size(); ++n) {
    if (recalled[n].has_value()) {
      (*results)[proposals[n].item] = RegisteredBy(*recalled[n]);
    } else {
      unanswered.push_back(std::move(proposals[n]));
    }
  }
  co_await FindKnown(&unanswered, results);
  for (const Proposal& proposal : unanswered) {
    (*results)[proposal.item].status = FailedPrecondition(
        "PERSON_ERASED",
        "this request registered a person who was erased since: use a new request_id");
  }
}

}  // namespace epigrid::identity
