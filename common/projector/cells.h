// Cells: a shard's state as a fold sees it, kept in memory by the projector between batches and
// written through to the view in guarded batches.
//
// Three shapes, told apart by how they are asked for; a key has one shape for ever:
//   string cell       one value under a key                        "person:<id>"
//   member cells      many values under a key, each by its field   "stays:<setting>:<day>" [person]
//   index             ids under a key, for queries to page through; folds write but never read it
// and timers, which fire by shard time.
//
// Every cell must be loaded (NeedSet) before it is read or written: the digest needs the old value.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"
#include "common/projector/view.h"

namespace epigrid {

// Names cells to be loaded.
class NeedSet {
 public:
  void String(std::string key) { Add({CellRead::Kind::kString, std::move(key), {}, {}}); }
  void Member(std::string key, std::string field) {
    Add({CellRead::Kind::kMember, std::move(key), std::move(field), {}});
  }
  void Members(std::string key) { Add({CellRead::Kind::kMembers, std::move(key), {}, {}}); }
  const std::vector<CellRead>& reads() const { return reads_; }

 private:
  void Add(CellRead read) { reads_.push_back(std::move(read)); }
  std::vector<CellRead> reads_;
};

// The cells that are loaded. Asking for one that is not is a bug and aborts, but for the Has calls.
class CellReader {
 public:
  bool HasString(const std::string& key) const;
  bool HasMember(const std::string& key, const std::string& field) const;
  bool HasMembers(const std::string& key) const;

  // Null: there is no such cell. Valid until the next write to that key.
  const std::string* Get(const std::string& key) const;
  const std::string* GetMember(const std::string& key, const std::string& field) const;
  // The whole hash; needs NeedSet::Members.
  const std::map<std::string, std::string>& GetMembers(const std::string& key) const;

  // The same, parsed; the bytes were written by this project, so that failing to parse aborts.
  template <typename Proto>
  std::optional<Proto> GetProto(const std::string& key) const {
    return ParseProto<Proto>(Get(key));
  }
  template <typename Proto>
  std::optional<Proto> GetMemberProto(const std::string& key, const std::string& field) const {
    return ParseProto<Proto>(GetMember(key, field));
  }
  template <typename Proto>
  static std::optional<Proto> ParseProto(const std::string* bytes) {
    if (bytes == nullptr) return std::nullopt;
    Proto proto;
    EPIGRID_CHECK(proto.ParseFromString(*bytes), "a cell does not parse");
    return proto;
  }

 protected:
  struct Loaded {
    bool string_known = false;
    std::optional<std::string> string;
    bool members_complete = false;
    std::map<std::string, std::string> members;  // those that exist
    std::set<std::string> members_known_absent;  // asked for one by one and not there
  };
  const Loaded* Find(const std::string& key) const;

  std::unordered_map<std::string, Loaded> loaded_;
};

class Cells : public CellReader {
 public:
  void Set(const std::string& key, std::string value);
  void Delete(const std::string& key);  // a string cell
  void SetMember(const std::string& key, const std::string& field, std::string value);
  void DeleteMember(const std::string& key, const std::string& field);
  // All members at once, as one write; needs NeedSet::Members.
  void DeleteMembers(const std::string& key);

  template <typename Proto>
  void SetProto(const std::string& key, const Proto& proto) {
    Set(key, proto.SerializeAsString());
  }
  template <typename Proto>
  void SetMemberProto(const std::string& key, const std::string& field, const Proto& proto) {
    SetMember(key, field, proto.SerializeAsString());
  }

  // The fold knows from its cells whether the member is in the index: adding what is there, or
  // removing what is not, is a bug that the digest shows.
  void AddToIndex(const std::string& key, const std::string& member);
  void RemoveFromIndex(const std::string& key, const std::string& member);

  // Moves a timer. `from` is what the fold last set it to (unset: it was not armed or has fired),
  // `to` unset disarms.
  void MoveTimer(const std::string& id, Time from, Time to);

  // --- for the projector ---------------------------------------------------------------------
  // Which of the reads are not loaded yet, each once.
  std::vector<CellRead> Missing(const std::vector<CellRead>& reads) const;
  void Load(const CellRead& read, CellFound found);
  // Begins a batch at this digest.
  void Begin(const Digest& digest);
  const std::vector<CellWrite>& writes() const { return writes_; }
  std::vector<CellWrite> TakeWrites() { return std::move(writes_); }
  const Digest& digest() const { return digest_; }
  // Forgets everything that is loaded.
  void Drop();
  size_t bytes() const { return bytes_; }

 private:
  void Write(CellWrite write);

  std::vector<CellWrite> writes_;
  Digest digest_;
  size_t bytes_ = 0;  // of keys and values loaded, about
};

}  // namespace epigrid
