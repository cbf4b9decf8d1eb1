// FakeServices: identity, contact_tracing, health_code and operations with reflection on one port,
// as far as epigridctl calls them. What they take is there to be counted, and they fail when they
// are told to.
//
//   FakeServices fake;
//   fake.before = [](const std::string& method) { return Unavailable("LOG_UNAVAILABLE", "later"); };
//   ... --server fake.address() ...
//   EXPECT_EQ(fake.GetTaken().presences.size(), 3);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "epigrid/contact_tracing/v1/contact_tracing.pb.h"
#include "epigrid/health_code/v1/health_code.pb.h"
#include "epigrid/identity/v1/identity.pb.h"
#include "epigrid/operations/v1/operations.pb.h"

namespace epigrid::ctl {

// By natural key.
struct Taken {
  std::map<std::string, std::string> person_ids;             // by document number
  std::map<std::string, identity::v1::Registration> people;  // by person id
  std::map<std::string, std::string> guardians;              // by person id
  std::map<std::pair<std::string, std::string>, identity::v1::Membership> memberships;
  std::map<std::string, std::string> regions;  // by household id
  std::map<std::string, contact_tracing::v1::Setting> settings;
  std::map<std::string, contact_tracing::v1::PresenceObservation> presences;  // by source_id
  std::map<std::string, health_code::v1::Evidence> evidence;                  // by source_id
  std::map<std::string, size_t> calls;                                        // by method's name
  std::map<std::string, Duration> time_left;  // by method's name, of the last call
  // A key that came with another content, or a request_id: an import that is gone on with must not
  // cause it.
  std::vector<std::string> conflicts;
};

class FakeServices {
 public:
  FakeServices();
  ~FakeServices();

  std::string address() const;
  Taken GetTaken() const;

  // Asked before a call is looked at, by the method's name: an error is the answer. Set before
  // calls come.
  std::function<Status(const std::string& method)> before;
  // Asked when a call has been done: an error is the answer although it was done.
  std::function<Status(const std::string& method)> after;
  // Asked for each registration, setting, presence or evidence: an error refuses the item.
  std::function<Status(const std::string& key)> item;
  // Asked for each status; default: nothing.
  std::function<operations::v1::GetStatusResponse()> status;
  // What operations answer.
  operations::v1::GetDigestsResponse digests;
  operations::v1::ListParkedRecordsResponse parked;
  std::vector<operations::v1::IgnoredEvent> ignored;
  operations::v1::AwaitQuietResponse quiet;
  std::vector<operations::v1::LogEntry> log;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace epigrid::ctl
