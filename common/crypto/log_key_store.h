// LogKeyStore: keys in a compacted topic of the event log (key_table.h), for a log that has such
// topics: Kafka's.
//
// What is known is answered from memory; another instance's erasure is heeded as soon as it is
// read, within milliseconds. Whoever asks for what is not known waits until everything is read that
// the log holds at the moment, so that what was created before is always found.
//
// A rewrapped key and an erased one leave the brokers' disks when the topic is compacted: within a
// day (max.compaction.lag.ms).
//
// Life cycle: on a KeyTable that outlives it and all its calls; several, each for a loop, share
// one. Threads: as KeyStore says; the scheduler's.
#pragma once

#include "common/base/scheduler.h"
#include "common/crypto/key_store.h"
#include "common/crypto/key_table.h"
#include "common/crypto/master_key.h"

namespace epigrid {

class LogKeyStore final : public DurableKeyStore {
 public:
  LogKeyStore(Scheduler& scheduler, KeyTable& table, MasterKeys master_keys, RandomSource& random);

  Task<Result<std::vector<PersonKey>>> CreateKeys(std::vector<std::string> person_ids) override;
  Task<Result<std::vector<PersonKey>>> GetKeys(std::vector<std::string> person_ids) override;
  Task<Result<Done>> Tombstone(std::vector<std::string> person_ids) override;
  Task<Result<Done>> CheckRoot() override;
  Task<Result<Page>> Look(std::string cursor) override;
  Task<Result<size_t>> Rewrap(std::vector<Wrapped> outdated) override;

 private:
  Result<PersonKey> Find(const std::string& person_id) const;
  Result<std::vector<PersonKey>> FindAll(const std::vector<std::string>& person_ids) const;
  // Goes on on the own thread after what the table did on its own.
  Task<Result<Done>> Settled(Task<Result<Done>> of_table);

  Scheduler& scheduler_;
  KeyTable& table_;
  const MasterKeys master_keys_;
  RandomSource& random_;
};

}  // namespace epigrid
