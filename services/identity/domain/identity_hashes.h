// The keyed hashes of this service and the key of its claims, each under a key of its own derived
// from the master keys' root, and the names under which documents' shards are addressed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/shard.h"
#include "common/crypto/keyed_hash.h"
#include "common/crypto/master_key.h"

namespace epigrid::identity {

class IdentityHashes {
 public:
  explicit IdentityHashes(const MasterKeys& keys)
      : document_(keys.Derive("epigrid identity document hash v1")),
        proposal_(keys.Derive("epigrid identity proposed person id v1")),
        fingerprint_(keys.Derive("epigrid identity request fingerprint v1")),
        claim_key_(keys.Derive("epigrid identity claim box v1")) {}

  // Of a document's canonical form: by what a person is recognised. 32 bytes.
  std::string OfDocument(std::string_view canonical) const { return document_.Of(canonical); }

  // Of a request's content, for RequestKey.fingerprint. Keyed, since it stands in the log in clear
  // and a plain hash of a number can be found by trying all numbers.
  std::string Fingerprint(std::string_view content) const { return fingerprint_.Of(content); }

  // What claims are sealed under (sealed_content.h).
  const SecretKey& claim_key() const { return claim_key_; }

  // The person id that a registration proposes which may be sent again: the same request gives the
  // same id, so that only one key is ever made for it; nobody without the key can foresee it.
  std::string ProposedPersonId(std::string_view caller, std::string_view request_id, uint32_t item,
                               std::string_view document_hash) const;

 private:
  KeyedHash document_;
  KeyedHash proposal_;
  KeyedHash fingerprint_;
  SecretKey claim_key_;
};

// Which shard a document belongs to may be known; its keyed hash may not leave the sealed part. So
// records and queries name, in place of the hash, an entity that stands for the whole shard.
class DocumentShards {
 public:
  explicit DocumentShards(uint32_t shard_count);

  const std::string& EntityOf(Shard shard) const { return entities_[shard]; }
  const std::string& EntityFor(std::string_view document_hash) const {
    return EntityOf(ShardOf(document_hash, static_cast<uint32_t>(entities_.size())));
  }

 private:
  std::vector<std::string> entities_;
};

}  // namespace epigrid::identity
