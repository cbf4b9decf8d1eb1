// Master keys: what the keys of persons are wrapped with. They live in one file, outside of Redis
// and the log.
//
//   # comments and empty lines
//   root 5f0c1a77 <64 hexadecimal digits>      what other keys (of document hashes) are derived from; never replaced
//   key  9ad03be2 <64 hexadecimal digits>      the first master key
//   key  c47f20d1 <64 hexadecimal digits>      the newest: it wraps; those above only unwrap
//
// The eight digits are a key's id, computed from it: a mistyped or cut line is found when the file
// is read. Rotation adds a key at the end; an older one may go once nothing is wrapped with it any
// more (key_rewrapper.h). The root stays for ever: another root would make every known document a
// new one.
//
// The file must not be readable by others than its owner and group, nor writable by others than its
// owner. Make one with `epigrid-master-key generate FILE`, add a key with `epigrid-master-key
// rotate FILE`.
//
// Values; immutable; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/status.h"
#include "common/crypto/secret_key.h"

namespace epigrid {

class MasterKeys {
 public:
  // INVALID_ARGUMENT with reason MASTER_KEY_FILE_MALFORMED, naming the line.
  static Result<MasterKeys> Parse(std::string_view text);
  // Also FAILED_PRECONDITION MASTER_KEY_FILE_UNREADABLE or MASTER_KEY_FILE_EXPOSED (permissions).
  static Result<MasterKeys> Load(const std::filesystem::path& file);

  // An own key for a label (keyed_hash.h), derived from the root.
  SecretKey Derive(std::string_view label) const;

  // With the newest key; bound to the subject, an opaque id.
  std::string Wrap(const SecretKey& key, std::string_view subject, RandomSource& random) const;
  // FAILED_PRECONDITION MASTER_KEY_UNKNOWN (the file lacks the key with the id that the message
  // says), or DATA_LOSS as Open of sealed_box.h.
  Result<SecretKey> Unwrap(std::string_view wrapped, std::string_view subject) const;
  // It was wrapped with an older key.
  bool IsOutdated(std::string_view wrapped) const;

 private:
  struct Entry {
    std::string id;  // four bytes
    SecretKey key;
  };

  SecretKey root_;
  std::vector<Entry> keys_;  // the newest last
};

// Writes a new file with a root and one key, readable by its owner only. FAILED_PRECONDITION with
// reason MASTER_KEY_FILE_EXISTS: an existing file is never overwritten; or
// MASTER_KEY_FILE_UNWRITABLE.
Status GenerateMasterKeyFile(const std::filesystem::path& file, RandomSource& random);

// Adds a newest key, by replacing the file as a whole.
Status RotateMasterKeyFile(const std::filesystem::path& file, RandomSource& random);

}  // namespace epigrid
