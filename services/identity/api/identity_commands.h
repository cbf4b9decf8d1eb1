// IdentityCommands: what changes people and households. Checks fields, seals what is personal,
// appends requests to the inbox and waits for what the fold decides.
//
// Rules are the fold's (domain/identity_fold.h); what is looked up here before the append is a
// courtesy: a document that is known already needs no key, an id that was never proposed needs no
// record. Reasons beside those of checks.h, the fold and common/projector/commands.h:
//   NOT_FOUND            PERSON_UNKNOWN, GUARDIAN_UNKNOWN
//   FAILED_PRECONDITION  PERSON_ERASED, DEPENDANTS_TOO_MANY
//   UNAVAILABLE          KEY_STORE_UNAVAILABLE
//   RESOURCE_EXHAUSTED   those of common/service/fold_gate.h
//
// Threads: any; Tasks go on on the loop of the service's API, where the log's calls must be made.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/base/local_day.h"
#include "common/base/task.h"
#include "common/crypto/key_store.h"
#include "common/event_log/event_log.h"
#include "common/projector/cell_query.h"
#include "common/projector/commands.h"
#include "common/service/fold_gate.h"
#include "services/identity/api/checks.h"
#include "services/identity/domain/identity_hashes.h"
#include "services/identity/view/person_directory.h"

namespace epigrid::identity {

// What a command knows of the call that it comes from.
struct CommandContext {
  Origin origin;
  std::string method;  // "package.Service/Method"
  Time deadline;       // of the outcome
  WorkClass work = WorkClass::kCritical;
};

// What commands work with; all of it outlives them.
struct CommandParts {
  KeyStore& keys;
  CommandLog& commands;
  FoldGate& gate;
  EventLog& log;
  const ShardTable& shards;
  const CellQuery& cells;
  const PersonDirectory& directory;
  const IdentityHashes& hashes;
  const DocumentShards& document_shards;
  RandomSource& random;
  const TimeZone& zone;  // in which birth dates are not in the future
};

class IdentityCommands {
 public:
  explicit IdentityCommands(CommandParts parts) : parts_(parts) {}

  struct Registered {
    Status status;
    std::string person_id;  // set if OK
    bool created = false;
  };
  struct RegisteredBatch {
    std::vector<Registered> results;  // in the order of the registrations
    std::vector<ShardPosition> revision;
  };
  // `fields` names the list in errors: "registrations", or "registration" for a single one.
  Task<RegisteredBatch> Register(CommandContext context,
                                 std::vector<v1::Registration> registrations,
                                 std::string request_id, std::string fields) const;

  Task<Result<std::vector<ShardPosition>>> UpdatePerson(CommandContext context,
                                                        v1::UpdatePersonRequest request) const;

  struct UpdatedHousehold {
    std::string household_id;
    std::vector<ShardPosition> revision;
  };
  Task<Result<UpdatedHousehold>> UpdateHousehold(CommandContext context,
                                                 v1::UpdateHouseholdRequest request) const;

  struct UpdatedMemberships {
    std::vector<Status> results;  // in the order of the memberships
    std::vector<ShardPosition> revision;
  };
  Task<UpdatedMemberships> UpdateMemberships(CommandContext context,
                                             std::vector<v1::Membership> memberships,
                                             std::string request_id) const;

 private:
  struct Proposal;

  Task<void> FindKnown(std::vector<Proposal>* proposals, std::vector<Registered>* results) const;
  Task<void> Propose(CommandContext context, std::string request_id,
                     std::vector<Proposal> proposals, std::vector<Registered>* results) const;
  // Answers those whose proposed person's key is gone, by what is known already.
  Task<void> AnswerForgotten(CommandContext context, std::string request_id,
                             std::vector<Proposal> proposals,
                             std::vector<Registered>* results) const;
  // One decision for each, once the fold has room for them.
  Task<std::vector<Decision>> Decide(CommandContext context, std::vector<Command> commands) const;
  Task<Status> CheckPeopleExist(const v1::UpdatePersonRequest& request, SecretKey* key) const;
  // A request key for one item; without a request_id of the caller's, one that nobody else has.
  void FillRequestKey(const CommandContext& context, const std::string& request_id, size_t item,
                      std::string_view content, Event& event) const;
  // Where the inbox shards of these entities end now. What a decided command emitted to them is in
  // the log before its outcome can be read: who has seen up to these ends has seen it.
  Task<std::vector<ShardPosition>> EndsOf(std::set<std::string> entities) const;

  const CommandParts parts_;
};

}  // namespace epigrid::identity
