// Backend: the calls of a demonstration, as a partner would make them. Blocking; one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "epigrid/health_code/v1/health_code.pb.h"
#include "tools/epigridctl/connection.h"
#include "tools/import_format/rows.h"

namespace epigrid::demo {

class Backend {
 public:
  explicit Backend(ctl::Servers servers) : servers_(std::move(servers)) {}

  // Where a method is served: HOST:PORT.
  const std::string& AddressOf(std::string_view method) const;
  // The person's id; the document is registered already, so that nothing changes.
  Result<std::string> FindPerson(const PersonRow& row);
  // Tell a test or a transfer; with `withdrawn` take it back, whether it was told or not.
  Result<std::string> RecordTest(const std::string& person_id, const std::string& source_id,
                                 Time sampled, Time reported, bool withdrawn);
  Status RecordTransfer(const std::string& person_id, const std::string& source_id, Time at,
                        bool withdrawn);
  // The person's case that is not excluded; waits until there is one.
  Result<contact_tracing::v1::Case> AwaitCase(const std::string& person_id, Duration at_most);
  Result<contact_tracing::v1::Case> GetCase(const std::string& case_id);
  Status ExcludeCase(const std::string& case_id);
  Result<std::vector<contact_tracing::v1::Contact>> ListContacts(const std::string& case_id);
  Result<std::vector<health_code::v1::Code>> GetCodes(const std::vector<std::string>& person_ids);
  // `due_within`: messages that are tried again by then are waited for too. The phones are away
  // while no story runs: what is tried again for their sake belongs to it.
  Status AwaitQuiet(Duration at_most, Duration due_within);
  // How far the views are behind the log.
  struct Behind {
    size_t shards = 0;             // that are
    double event_age_seconds = 0;  // of the oldest record that no view has yet
  };
  Result<Behind> GetBehind();
  // Registers people who have a phone at the endpoint "demo", and waits until they can be reached;
  // their ids. The same name gives the same people.
  Result<std::vector<std::string>> RegisterCrowd(const std::string& name, size_t size);
  // Makes the setting known, and everybody check in there at this time; waits until the people's
  // shards have folded it, so that whatever they tell of it later comes later to the setting's.
  Status Gather(const std::string& setting_id, const std::vector<std::string>& person_ids, Time at,
                const std::string& name);

 private:
  // A method by its name, "/package.Service/Method", at the server that has it.
  Status Call(const std::string& method, const google::protobuf::Message& request,
              google::protobuf::Message& response) const;

  const ctl::Servers servers_;
};

}  // namespace epigrid::demo
