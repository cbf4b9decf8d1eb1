// CityFacts: what becomes known about a small city, drawn from a seed: people with households, the
// places they were at, cases, tests, isolation. Every fact is a command to one of the services.
//
// Commands of one sequence are sent in its order; the sequences among each other in any. In the end
// the contacts and codes must be the same.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/crypto/key_store.h"
#include "common/projector/fold.h"
#include "tests/fakes/brute_force_contacts.h"
#include "tests/fakes/sim_random.h"

namespace epigrid {

struct CityCommand {
  std::string service;
  std::string entity;  // whose shard, and whose queue with the partners
  Event event;
};

class CityFacts {
 public:
  CityFacts(uint64_t seed, uint32_t shard_count);

  std::vector<std::vector<CityCommand>> sequences;
  // What stands in the end, for the all-pairs comparison.
  std::vector<BruteForceContacts::Setting> settings;
  std::vector<BruteForceContacts::Presence> presences;
  std::vector<std::string> people;
  // By document's keyed hash: who was proposed for it.
  std::map<std::string, std::vector<std::string>> proposals;

  std::shared_ptr<KeyStore> keys() const { return keys_; }
  const SecretKey& claim_key() const { return claim_key_; }

 private:
  void AddSettings();
  void AddPresences(const std::string& person);
  void AddHouseholds();
  void AddRegistrations();
  void AddReportedCase(const std::string& person);
  void AddTestedCase(const std::string& person);
  void AddEvidence(const std::string& person);
  std::string CaseIdFor(const std::string& person);
  Time HoursFromStart(int64_t min, int64_t max);
  // Gives the event a request key of its own.
  Event Decided(Event event, const char* method);

  SimRandom random_;
  const uint32_t shard_count_;
  const std::shared_ptr<KeyStore> keys_;
  const SecretKey claim_key_;
  std::vector<std::string> households_;
  uint64_t requests_ = 0;
};

}  // namespace epigrid
