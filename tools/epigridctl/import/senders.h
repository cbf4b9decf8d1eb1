// How the rows of each kind of file become calls.
#pragma once

#include <memory>
#include <string>

#include "tools/epigridctl/connection.h"
#include "tools/epigridctl/import/batches.h"
#include "tools/epigridctl/import/key_map.h"
#include "tools/epigridctl/import/retry.h"

namespace epigrid::ctl {

// What all senders share. Outlives them.
struct SendContext {
  const Servers* servers = nullptr;  // null: rows are only checked, nothing is looked up or sent
  const Retrying* retrying = nullptr;
  KeyMap* keys = nullptr;
  std::string
      // names the sender in the services: with a row's source_id it makes the row's natural key
      source;
  std::string file_id;  // IdentifyFile
  uint32_t run = 1;     // of this file
};

// Registers people (BatchRegisterPersons), keeps their ids, and tells their households and
// guardians. Rejects besides the service's: PERSON_KEY_TAKEN, GUARDIAN_KEY_UNKNOWN.
std::unique_ptr<RowSender<PersonRow>> SendPeople(const SendContext& context);
// BatchUpdateSettings.
std::unique_ptr<RowSender<SettingRow>> SendSettings(const SendContext& context);
// BatchRecordPresences. Rejects: PERSON_KEY_UNKNOWN.
std::unique_ptr<RowSender<PresenceRow>> SendPresence(const SendContext& context);
// BatchRecordEvidence. Rejects: PERSON_KEY_UNKNOWN.
std::unique_ptr<RowSender<TestRow>> SendTests(const SendContext& context);

}  // namespace epigrid::ctl
