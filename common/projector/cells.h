// Cells: a shard's state as a fold sees it, kept in memory by the projector between batches and
// written through to the view in guarded batches.
//
// Three shapes, told apart by how they are asked for; a key has one shape for ever:
//   string cell       one value under a key                      "person:<id>"
//   member cells      many values under a key, each by its field  "stays:<setting>:<day>" [id]
//   index             ids under a key, for queries to page through; folds write but never read it
// and timers, which fire by shard time.
//
// Every string and member cell must be loaded (NeedSet) before it is read or written: the digest
// needs the old value. Keys and fields are not empty. Keys that begin with "outcome:", and
// "parked", "ignored", "configured", "rebuild", "meta", "timers" are the projector's own, as are
// timers whose id begins with "outcome:".
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
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
  void Clear() { reads_.clear(); }

 private:
  void Add(CellRead read) { reads_.push_back(std::move(read)); }
  std::vector<CellRead> reads_;
};

// The cells that are loaded. Asking for one that is not is a bug and aborts, but for the Has calls.
class CellReader {
 public:
  bool HasString(std::string_view key) const;
  bool HasMember(std::string_view key, std::string_view field) const;
  bool HasMembers(std::string_view key) const;

  // Null: there is no such cell. Valid until the next write to that key.
  const std::string* Get(std::string_view key) const;
  const std::string* GetMember(std::string_view key, std::string_view field) const;
  // The whole hash; needs NeedSet::Members.
  const std::map<std::string, std::string, std::less<>>& GetMembers(std::string_view key) const;

  // The same, parsed; the bytes were written by this project, so that failing to parse aborts.
  template <typename Proto>
  std::optional<Proto> GetProto(std::string_view key) const {
    return ParseProto<Proto>(Get(key));
  }
  template <typename Proto>
  std::optional<Proto> GetMemberProto(std::string_view key, std::string_view field) const {
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
  // What is known of a hash.
  struct Members {
    bool complete = false;
    std::map<std::string, std::string, std::less<>> present;
    std::set<std::string, std::less<>> absent;  // known not to be there; unused once complete
    std::set<std::string, std::less<>> asked;   // on their way from the view
  };
  // What is known of a key.
  struct Entry {
    bool string_known = false;
    bool string_present = false;
    bool asked = false;          // on its way from the view
    uint32_t used_in_batch = 0;  // the last one
    uint32_t written_in_batch = 0;
    std::string string;
    std::unique_ptr<Members> members;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const;
  };
  using Entries = std::unordered_map<std::string, Entry, KeyHash, std::equal_to<>>;

  const Entry* Find(std::string_view key) const;
  const Members* FindMembers(std::string_view key) const;

  Entries entries_;
};

class Cells : public CellReader {
 public:
  // Writing what is there already is not a write.
  void Set(std::string_view key, std::string value);
  void Delete(std::string_view key);  // a string cell
  void SetMember(std::string_view key, std::string_view field, std::string value);
  void DeleteMember(std::string_view key, std::string_view field);
  // All members at once, as one write; needs NeedSet::Members.
  void DeleteMembers(std::string_view key);

  template <typename Proto>
  void SetProto(std::string_view key, const Proto& proto) {
    Set(key, proto.SerializeAsString());
  }
  template <typename Proto>
  void SetMemberProto(std::string_view key, std::string_view field, const Proto& proto) {
    SetMember(key, field, proto.SerializeAsString());
  }

  // The fold knows from its cells whether the member is in the index: adding what is there, or
  // removing what is not, is a bug that the digest shows.
  void AddToIndex(std::string_view key, std::string_view member);
  void RemoveFromIndex(std::string_view key, std::string_view member);

  // Moves a timer. `from` is what the fold last set it to (unset: it was not armed or has fired),
  // `to` unset disarms, as does a time that never comes: from kTimerDueEnd on.
  void MoveTimer(std::string_view id, Time from, Time to);

  // --- for the projector and for tests of folds ---

  // Which of the reads are neither loaded nor named by an earlier call of Missing or AddMissing,
  // each once.
  std::vector<CellRead> Missing(const std::vector<CellRead>& reads);
  // The same, added to `missing`. Whether all of the reads are loaded.
  bool AddMissing(const std::vector<CellRead>& reads, std::vector<CellRead>& missing);
  void Load(const CellRead& read, CellFound found);
  // Whether the batch has moved this timer.
  bool TimerMoved(std::string_view id) const { return timers_moved_.contains(id); }
  // Begins a batch at this digest.
  void Begin(const Digest& digest);
  // How many writes there were since Drop or construction; only rises.
  uint64_t changes() const { return changes_; }
  // About how many writes TakeWrites would give now.
  size_t pending_writes() const { return dirty_strings_.size() + writes_.size(); }
  // The writes of the batch: for each string cell the last value, and the others in the order in
  // which they were made.
  std::vector<CellWrite> TakeWrites();
  const Digest& digest() const { return digest_; }
  // Forgets everything that is loaded.
  void Drop();
  // Forgets, when more than `bytes_max` are kept, what was used longest ago. Between batches.
  void Trim(size_t bytes_max);
  // Of keys and values kept, about.
  size_t bytes() const { return bytes_; }

 private:
  Members& KnownMembers(std::string_view key);
  void MarkString(Entries::value_type& entry);
  void Write(CellWrite::Kind kind, std::string_view key, std::string_view field, std::string value,
             Time due);
  Entries::value_type& FindForWrite(std::string_view key);
  static size_t BytesOf(const Entries::value_type& entry);

  std::vector<Entries::value_type*> dirty_strings_;
  std::vector<CellWrite> writes_;                    // all but those of strings
  std::set<std::string, std::less<>> timers_moved_;  // in this batch
  Digest digest_;
  size_t bytes_ = 0;
  uint64_t changes_ = 0;
  uint32_t batch_ = 1;
};

}  // namespace epigrid
