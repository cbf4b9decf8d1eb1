// ShardImage: the whole state of one shard, held in memory: what an audit folds aside, and the
// simulation's views.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/projector/view.h"

namespace epigrid {

class ShardImage {
 public:
  ShardMeta meta;
  std::map<std::string, std::string> strings;
  std::map<std::string, std::map<std::string, std::string>> hashes;
  std::map<std::string, std::set<std::string>> indexes;

  const std::map<std::string, Time>& timers() const { return timers_; }
  std::optional<Time> NextDue() const;
  // Counted anew from the cells.
  Digest Recount() const;
  CellFound Read(const CellRead& read) const;
  void Write(const CellWrite& write);
  // Of keys, fields and values that one write touches, as they are now.
  size_t BytesAt(const CellWrite& write) const;

 private:
  void MoveTimer(const std::string& id, std::optional<Time> due);

  std::map<std::string, Time> timers_;
  std::set<Timer> by_due_;
};

// Gives the writes that make an image out of an empty one, in an order that only its content
// decides. The image outlives the cursor and does not change meanwhile.
class ImageCursor {
 public:
  explicit ImageCursor(const ShardImage& image);
  // nullopt: that was all.
  std::optional<CellWrite> Next();

 private:
  const ShardImage& image_;
  std::map<std::string, std::string>::const_iterator string_;
  std::map<std::string, std::map<std::string, std::string>>::const_iterator hash_;
  std::map<std::string, std::string>::const_iterator member_;
  std::map<std::string, std::set<std::string>>::const_iterator index_;
  std::set<std::string>::const_iterator indexed_;
  std::map<std::string, Time>::const_iterator timer_;
};

}  // namespace epigrid
