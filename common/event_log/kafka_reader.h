// KafkaReader: reads single shards, page by page. Not for use outside of this directory.
//
// Who goes on where the last page ended is answered from what was fetched meanwhile. Used on one
// thread, which it blocks for up to a deadline a page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/event_log/event_log.h"
#include "common/kafka/handle.h"

namespace epigrid {

// The first position of a partition that can be read, and that of its next record.
struct KafkaRange {
  int64_t begin = 0;
  int64_t end = 0;
};

class KafkaReader {
 public:
  // The client has no group and no events.
  KafkaReader(KafkaClient client, Duration deadline);

  Result<KafkaRange> Range(const std::string& topic_name, Shard shard);
  // Records from this position up to `end`, at most `limit` and no more once they are
  // kReadBytesMax bytes. LOG_UNAVAILABLE if they have not come within the deadline; LOG_START_MOVED
  // if the first of them was cut meanwhile.
  Result<std::vector<LogRecord>> Read(const std::string& topic_name, Shard shard, int64_t position,
                                      int64_t end, size_t limit);

 private:
  // Where the client fetches.
  struct Place {
    std::string topic_name;
    Shard shard = 0;
    int64_t position = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  Status Seek(Place to);
  // Fetches no more until something is read again.
  void Rest();

  KafkaClient client_;
  Duration deadline_;
  std::optional<Place> place_;
};

}  // namespace epigrid
