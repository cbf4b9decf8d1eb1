// ReplyReader: bytes from a Redis server in, Replies out. hiredis's parser builds the Reply in
// place.
#pragma once

#include <hiredis/read.h>

#include <memory>
#include <optional>
#include <string_view>

#include "common/base/status.h"
#include "common/redis/reply.h"

namespace epigrid {

class ReplyReader {
 public:
  ReplyReader();

  void Feed(std::string_view bytes);
  // The next whole reply; nullopt until more bytes have come. INTERNAL REDIS_PROTOCOL if what came
  // is not Redis's protocol: nothing can be read any more.
  Result<std::optional<Reply>> Next();

 private:
  struct Free {
    void operator()(redisReader* reader) const { redisReaderFree(reader); }
  };

  std::unique_ptr<Reply> root_;  // the reply that is being built, at an address that stays
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace epigrid
